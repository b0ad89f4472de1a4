// What a check answers. Owns the shapes only.

/** What is wrong with one thing; the words are for people, the code for programs. */
export interface Finding {
  /** `leak` costs space, `corruption` endangers data, `error` kept a part from being checked. */
  readonly severity: "leak" | "corruption" | "error";
  /** Stable name of the kind of defect, e.g. `REFCOUNT_TOO_LOW`. */
  readonly code: FindingCode;
  /** One line, safe to print. */
  readonly message: string;
  /** Offset in the image file of the thing concerned, in bytes, where there is one. */
  readonly offset?: number;
  /** How often the defect counts in the totals (a shared table counts once per reference). */
  readonly times: number;
}

export type FindingCode =
  | "REFCOUNT_TOO_LOW"
  | "REFCOUNT_TOO_HIGH"
  | "COPIED_FLAG_WRONG"
  | "RESERVED_BITS_SET"
  | "UNALIGNED_OFFSET"
  | "REFERENCE_OUTSIDE_FILE"
  | "REFCOUNT_BLOCK_SHARED"
  | "CLUSTER_OVERLAP"
  | "COMPRESSED_ENTRY_INVALID"
  | "SUBCLUSTER_BITMAP_INVALID"
  | "ZERO_FLAG_NOT_ALLOWED"
  | "SNAPSHOT_TABLE_INVALID"
  | "SNAPSHOT_L1_INVALID"
  | "BITMAP_INVALID"
  | "TABLE_UNREADABLE"
  | "REFCOUNT_REBUILD_NEEDED"
  | "REFCOUNT_REBUILD_IMPOSSIBLE";

export interface CheckReport {
  /** Clusters of the guest's disk. */
  readonly totalClusters: number;
  /** Guest clusters that have a host cluster, compressed ones included. */
  readonly allocatedClusters: number;
  /** Guest clusters whose host cluster does not follow that of their neighbour; compressed ones count. */
  readonly fragmentedClusters: number;
  readonly compressedClusters: number;
  /** End of the last host cluster in use, in bytes. */
  readonly imageEndOffset: number;
  /** Clusters whose refcount is higher than the number of references. */
  readonly leaks: number;
  readonly corruptions: number;
  /** Parts that could not be checked. */
  readonly checkErrors: number;
  /** The first findings, at most `findingsMax` of the options. */
  readonly findings: readonly Finding[];
  /** How many more there are. */
  readonly findingsOmitted: number;
  /** How often the check ran, because the file grew under it: 1 to 5. */
  readonly attempts: number;
  /** Whether the file was still changing in the last attempt, so that the answer may be stale. */
  readonly fileChanging: boolean;
  /** Host clusters of the file that something references. */
  readonly usedHostClusters: number;
  /** Host clusters of the file that nothing references. */
  readonly freeHostClusters: number;
}
