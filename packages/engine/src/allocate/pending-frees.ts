// Clusters that lost a reference in memory. They are not free: the file still has the old reference until it is
// flushed, so the committer gives them back only after that.

import { ClusterRuns } from "./cluster-runs.js";

/** One reference less for each cluster of the runs. */
export interface Frees {
  /** Their space may be given back to the host. */
  readonly discarded: ClusterRuns;
  /** They will soon be used again. */
  readonly replaced: ClusterRuns;
}

export class PendingFrees {
  #discarded = new ClusterRuns();
  #replaced = new ClusterRuns();

  /** How many clusters wait. */
  get clusters(): number {
    return this.#discarded.clusters + this.#replaced.clusters;
  }

  /** `count` clusters from `first` on have each lost a reference. */
  add(first: number, count: number, discarded: boolean): void {
    (discarded ? this.#discarded : this.#replaced).add(first, count);
  }

  /** Everything that waits; from now on nothing does. */
  take(): Frees {
    const frees = { discarded: this.#discarded, replaced: this.#replaced };
    this.#discarded = new ClusterRuns();
    this.#replaced = new ClusterRuns();
    return frees;
  }

  /** `frees`, which `take` gave, wait again: the metadata did not become durable. */
  putBack(frees: Frees): void {
    this.#discarded.addAll(frees.discarded);
    this.#replaced.addAll(frees.replaced);
  }
}
