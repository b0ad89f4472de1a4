// Which clusters of a raw disk are stored, and as how many bytes: what is known of the contents before the first byte of
// an image goes out. Owns the shape; memory follows what is stored, not how long the disk is.

/** What is stored for each guest cluster. */
export interface ClusterRecord {
  /** Clusters that are stored as they are. */
  readonly plainCount: number;
  /** Bytes stored for cluster `index`: 0 for none, the cluster's size for one that is stored as it is. */
  get(index: number): number;
  /** Whether any of the `count` clusters from `first` on is stored. */
  hasAny(first: number, count: number): boolean;
}

/** Clusters of one page. */
const PAGE_CLUSTERS = 4096;

/** A record that is filled in. */
export class StoredClusters implements ClusterRecord {
  plainCount = 0;
  readonly #clusterSize: number;
  readonly #pages = new Map<number, Uint32Array>();

  constructor(clusterSize: number) {
    this.#clusterSize = clusterSize;
  }

  set(index: number, bytes: number): void {
    const number = Math.floor(index / PAGE_CLUSTERS);
    const page = this.#pages.get(number) ?? new Uint32Array(PAGE_CLUSTERS);
    this.#pages.set(number, page);
    page[index % PAGE_CLUSTERS] = bytes;
    if (bytes === this.#clusterSize) this.plainCount++;
  }

  get(index: number): number {
    return this.#pages.get(Math.floor(index / PAGE_CLUSTERS))?.[index % PAGE_CLUSTERS] ?? 0;
  }

  hasAny(first: number, count: number): boolean {
    for (let at = first; at < first + count; ) {
      const end = Math.min(first + count, (Math.floor(at / PAGE_CLUSTERS) + 1) * PAGE_CLUSTERS);
      const page = this.#pages.get(Math.floor(at / PAGE_CLUSTERS));
      if (page?.subarray(at % PAGE_CLUSTERS, (at % PAGE_CLUSTERS) + end - at).some((bytes) => bytes > 0))
        return true;
      at = end;
    }
    return false;
  }
}

/** Every cluster is stored as it is, zeros too. */
export class AllClusters implements ClusterRecord {
  readonly plainCount: number;
  readonly #clusterSize: number;

  constructor(plainCount: number, clusterSize: number) {
    this.plainCount = plainCount;
    this.#clusterSize = clusterSize;
  }

  get(index: number): number {
    return index < this.plainCount ? this.#clusterSize : 0;
  }

  hasAny(first: number): boolean {
    return first < this.plainCount;
  }
}
