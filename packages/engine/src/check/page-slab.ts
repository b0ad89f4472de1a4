// Pages of numbers, cut from larger pieces of memory. A host gives large pieces out as zeros and backs them
// only where they are touched, so a page of which one number is used costs little; many small pieces would be
// zeroed one by one.

type Numbers = Uint16Array | Uint32Array;

/** Pages that are asked for at once. */
const SLAB_PAGES = 32;

export class PageSlab<P extends Numbers> {
  readonly #create: (length: number) => P;
  readonly #pageLength: number;
  #slab: P | undefined;
  #used = 0;

  /** `create` makes an array of that many zeros. */
  constructor(create: (length: number) => P, pageLength: number) {
    this.#create = create;
    this.#pageLength = pageLength;
  }

  /** A page of zeros. */
  next(): P {
    if (this.#slab === undefined || this.#used === SLAB_PAGES) {
      this.#slab = this.#create(SLAB_PAGES * this.#pageLength);
      this.#used = 0;
    }
    const start = this.#used++ * this.#pageLength;
    return this.#slab.subarray(start, start + this.#pageLength) as P;
  }
}
