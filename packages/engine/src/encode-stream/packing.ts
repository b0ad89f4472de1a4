// Where compressed clusters go: byte behind byte, from the start of a host cluster on. Owns the rule when one begins at the
// next host cluster instead, because the refcount of this one has no room for another stream. The same lengths always give
// the same places.

export class Packing {
  /** Where the next stream may begin: bytes from where the first one lies. */
  end = 0;
  readonly #clusterSize: number;
  readonly #refcountMax: number;
  /** The host cluster that the last stream ends in, and how many streams touch it. */
  #cluster = 0;
  #streams = 0;

  constructor(clusterSize: number, refcountMax: number) {
    this.#clusterSize = clusterSize;
    this.#refcountMax = refcountMax;
  }

  /** Places a stream of `length` bytes, at most a cluster; where it begins. */
  place(length: number): number {
    const size = this.#clusterSize;
    if (this.end % size !== 0 && this.#streams >= this.#refcountMax)
      this.end = Math.ceil(this.end / size) * size;
    const start = this.end;
    this.end += length;
    const last = Math.floor((this.end - 1) / size);
    this.#streams = last === this.#cluster && start % size !== 0 ? this.#streams + 1 : 1;
    this.#cluster = last;
    return start;
  }
}
