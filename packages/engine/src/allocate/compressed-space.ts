// Room for compressed clusters, which are packed byte by byte: each host cluster has a reference for every stream
// that touches it (specification: "Compressed Clusters Descriptor"). Owns the place where the next stream goes. That
// place dies with its cluster: once nothing references the cluster, it may become somebody else's.

import type { Allocator } from "./allocator.js";
import { ClusterRuns } from "./cluster-runs.js";

/** Room for one stream. */
export interface CompressedPlace {
  /** Host offset in bytes. */
  readonly offset: number;
  /** The host clusters that it touches, a reference of each of which is its own. */
  readonly runs: ClusterRuns;
}

export class CompressedSpace {
  readonly #allocator: Allocator;
  readonly #clusterSize: number;
  /** Host offset of the next free byte; a multiple of the cluster size when there is none. */
  #next = 0;

  constructor(allocator: Allocator) {
    this.#allocator = allocator;
    this.#clusterSize = allocator.clusterSize;
  }

  /** Clusters `[first, first + count)` are no longer referenced: nothing more goes there. */
  forget(first: number, count: number): void {
    const cluster = Math.floor(this.#next / this.#clusterSize);
    if (cluster >= first && cluster < first + count) this.#next = 0;
  }

  /** Reserves room for `length` bytes, at most a cluster. */
  async reserve(length: number): Promise<CompressedPlace> {
    const appended = this.#append(length);
    if (appended !== undefined) return appended;
    const { runs } = await this.#allocator.reserve(1);
    const offset = runs.first(0) * this.#clusterSize;
    this.#next = length < this.#clusterSize ? offset + length : 0;
    return { offset, runs };
  }

  // Without waiting, so that nobody else can take the same bytes.
  #append(length: number): CompressedPlace | undefined {
    const offset = this.#next;
    const within = offset % this.#clusterSize;
    if (within === 0) return undefined;
    const cluster = (offset - within) / this.#clusterSize;
    const end = within + length;
    const straddles = end > this.#clusterSize;
    if (straddles && !this.#allocator.tryReserve(cluster + 1)) return undefined;
    const runs = new ClusterRuns();
    if (straddles) runs.add(cluster + 1, 1);
    if (!this.#allocator.tryAddReference(cluster)) {
      // Its refcount is at its largest: the stream goes to the start of the next cluster, or elsewhere.
      if (!straddles) return undefined;
      this.#next = length < this.#clusterSize ? (cluster + 1) * this.#clusterSize + length : 0;
      return { offset: (cluster + 1) * this.#clusterSize, runs };
    }
    const touched = new ClusterRuns();
    touched.add(cluster, straddles ? 2 : 1);
    this.#next = end % this.#clusterSize === 0 ? 0 : offset + length;
    return { offset, runs: touched };
  }
}
