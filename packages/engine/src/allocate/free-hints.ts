// Remembers where in each refcount block the first free cluster can be, so that a search does not look at millions of
// clusters in use again because one before them became free. Owns no truth: where nothing is known, everything may be free.

export class FreeHints {
  /** By index of the block: nothing below this place in it is free. */
  readonly #from = new Map<number, number>();

  /** The first place in block `index` that may be free. */
  from(index: number): number {
    return this.#from.get(index) ?? 0;
  }

  /** Nothing below `within` in block `index` is free, as far as all below the last hint was not. */
  noneBelow(index: number, within: number): void {
    this.#from.set(index, within);
  }

  /** The place `within` in block `index` is free. */
  freed(index: number, within: number): void {
    if (within < this.from(index)) this.#from.set(index, within);
  }
}
