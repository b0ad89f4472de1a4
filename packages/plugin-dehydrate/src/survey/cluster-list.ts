// Numbers of host clusters, ascending and each once. Owns their storage in plain numbers and its bound: an image may name
// millions of tables, many of them more than once.

import { DehydrateError } from "../dehydrate-error.js";

/** Most clusters of one list: 64 MiB of memory. */
const CLUSTERS_MAX = 8 * 1024 * 1024;

export class ClusterList {
  #numbers = new Float64Array(256);
  #count = 0;
  /** How many of the first are in order, each once. */
  #settled = 0;

  /** Adds cluster `index`, in any order. */
  add(index: number): void {
    if (this.#count > 0 && this.#numbers[this.#count - 1] === index) return;
    if (this.#count === this.#numbers.length) this.#makeRoom();
    this.#numbers[this.#count++] = index;
  }

  /** The clusters, in order; to be read before the next `add`. */
  get sorted(): Float64Array {
    if (this.#settled < this.#count) this.#settle();
    return this.#numbers.subarray(0, this.#count);
  }

  has(index: number): boolean {
    const { sorted } = this;
    return sorted[lowerBound(sorted, index)] === index;
  }

  #settle(): void {
    const used = this.#numbers.subarray(0, this.#count).sort();
    let kept = 0;
    for (let at = 0; at < used.length; at++) {
      if (kept === 0 || used[at] !== used[kept - 1]) used[kept++] = used[at] as number;
    }
    this.#count = kept;
    this.#settled = kept;
  }

  #makeRoom(): void {
    this.#settle();
    // What was there more than once may have left enough.
    if (this.#count <= this.#numbers.length / 2) return;
    if (this.#numbers.length * 2 > CLUSTERS_MAX * 2)
      throw new DehydrateError(
        "DEHYDRATED_TOO_LARGE",
        `the image has more than ${CLUSTERS_MAX} clusters of metadata`,
      );
    const grown = new Float64Array(this.#numbers.length * 2);
    grown.set(this.#numbers.subarray(0, this.#count));
    this.#numbers = grown;
  }
}

/** The first place in `sorted` whose number is not below `value`. */
export function lowerBound(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
