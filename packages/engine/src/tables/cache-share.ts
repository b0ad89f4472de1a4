// The bytes that the caches of one chain may keep together: every layer has the same part of it, so that a
// long chain does not take more than a short one.

export class CacheShare {
  readonly #bytesMax: number;
  #caches = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** One more cache takes part. */
  join(): void {
    this.#caches++;
  }

  /** Most bytes that one cache may keep. */
  get bytesEach(): number {
    return this.#bytesMax / Math.max(1, this.#caches);
  }
}
