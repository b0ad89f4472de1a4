// What a compaction was asked for, and what it did. Owns the shapes.

import type { CompressionBackend, LongOptions } from "@qcow/block";
import type { Observer } from "../observer.js";

export interface CompactOptions extends LongOptions {
  /** Only finds out what would be gained: nothing is written. */
  readonly dryRun?: boolean | undefined;
  /**
   * Also puts the clusters that only the current disk names in the order of the disk, whatever that gains; each of them
   * is copied twice at most. What snapshots share, tables, and compressed clusters stay where they are.
   */
  readonly defragment?: boolean | undefined;
  /** Lets compressed clusters move whose length the image does not tell exactly; few are. */
  readonly compression?: CompressionBackend | undefined;
  /** Most bytes kept of L2 tables; see `OpenOptions`. */
  readonly metadataCacheBytes?: number | undefined;
  /** Most bytes for counting clusters; see `CheckOptions`. */
  readonly memoryBytesMax?: number | undefined;
  readonly observer?: Observer | undefined;
}

export interface CompactReport {
  readonly dryRun: boolean;
  readonly clusterSize: number;
  /** Length of the file in bytes, before and after; with `dryRun`, as it would be. */
  readonly sizeBefore: number;
  readonly sizeAfter: number;
  /** Clusters that nothing referenced although they had a refcount, and that are free now. */
  readonly leaksFixed: number;
  /** Clusters that have a new place, tables included. With `dryRun`, those of the first round. */
  readonly clustersMoved: number;
  /** Bytes that were written to copy them: less where they are holes. */
  readonly bytesCopied: number;
  /** Entries that name another place now. */
  readonly referencesChanged: number;
  /** With `defragment`: as `CheckReport.fragmentedClusters`, before, and (unless with `dryRun`) after. */
  readonly fragmentedBefore?: number;
  readonly fragmentedAfter?: number;
}
