// How much of one connection is under way: requests that were read and not answered, and the bytes they hold. Owns that
// reading waits when it is enough, which is what bounds a connection's memory.

export class InFlight {
  readonly #requestsMax: number;
  readonly #bytesMax: number;
  #requests = 0;
  #bytes = 0;
  #next: { readonly bytes: number; readonly resolve: () => void } | undefined;
  readonly #onIdle: (() => void)[] = [];

  constructor(limits: { readonly requestsMax: number; readonly bytesMax: number }) {
    this.#requestsMax = limits.requestsMax;
    this.#bytesMax = limits.bytesMax;
  }

  /**
   * Counts one more request with `bytes` as under way; the promise, where there is one, resolves once it is. One alone
   * always fits. One caller at a time.
   */
  begin(bytes: number): Promise<void> | undefined {
    if (this.#fits(bytes)) {
      this.#add(bytes);
      return undefined;
    }
    return new Promise<void>((resolve) => {
      this.#next = { bytes, resolve };
    });
  }

  end(bytes: number): void {
    this.#requests -= 1;
    this.#bytes -= bytes;
    const next = this.#next;
    // In the same step: nobody sees that nothing is under way while somebody waits for room.
    if (next !== undefined && this.#fits(next.bytes)) {
      this.#next = undefined;
      this.#add(next.bytes);
      next.resolve();
    }
    if (this.#requests > 0) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    if (this.#requests === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle.push(resolve);
    });
  }

  #fits(bytes: number): boolean {
    if (this.#requests === 0) return true;
    return this.#requests < this.#requestsMax && this.#bytes + bytes <= this.#bytesMax;
  }

  #add(bytes: number): void {
    this.#requests += 1;
    this.#bytes += bytes;
  }
}
