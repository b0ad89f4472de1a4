// Who follows clusters from use to use. Owns the contract: the allocator tells, the recycler listens.

/** Called at once, as refcounts in memory change. */
export interface ClusterLifecycle {
  /** These clusters were free, and are given out: to something new, or to a copy that will take the place of another. */
  taken(first: number, count: number, asCopy: boolean): void;
  /** Nothing references this cluster any more; it may be given out again at once. */
  freed(index: number): void;
  /** Whether a cluster, which is free, is known to read as zero, also after a crash. */
  isZero(index: number): boolean;
}
