// Runs of host clusters: what was reserved, what is to be freed. Owns the joining of neighbours; plain numbers, since
// a discard of a whole disk frees millions of clusters.

export class ClusterRuns {
  #first: number[] = [];
  #count: number[] = [];
  #clusters = 0;

  /** Number of runs. */
  get length(): number {
    return this.#first.length;
  }

  /** Number of clusters in all runs. */
  get clusters(): number {
    return this.#clusters;
  }

  /** Index of the first cluster of run `run`. */
  first(run: number): number {
    return this.#first[run] as number;
  }

  /** Number of clusters of run `run`. */
  count(run: number): number {
    return this.#count[run] as number;
  }

  /** Adds `count` clusters from `first` on; joins the last run when they continue it, unless `mayJoin` says otherwise. */
  add(first: number, count: number, mayJoin = true): void {
    const last = this.#first.length - 1;
    this.#clusters += count;
    if (mayJoin && last >= 0 && this.first(last) + this.count(last) === first)
      this.#count[last] = this.count(last) + count;
    else {
      this.#first.push(first);
      this.#count.push(count);
    }
  }

  addAll(runs: ClusterRuns): void {
    for (let run = 0; run < runs.length; run++) this.add(runs.first(run), runs.count(run));
  }
}
