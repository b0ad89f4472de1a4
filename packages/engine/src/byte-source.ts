// The chunks of a stream, copied to where they are wanted. Owns waiting for them, and that whoever makes them is told
// when nobody wants more.

import { untilAborted } from "./until-aborted.js";

export class ByteSource {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #signal: AbortSignal | undefined;
  #rest: Uint8Array = new Uint8Array(0);
  #ended = false;

  constructor(source: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined) {
    this.#chunks = source[Symbol.asyncIterator]();
    this.#signal = signal;
  }

  /** Fills `target` from its start; the number of bytes, fewer than it has room for only when the stream has ended. */
  async read(target: Uint8Array): Promise<number> {
    let filled = 0;
    while (filled < target.byteLength && (await this.#hasMore())) {
      const part = this.#rest.subarray(0, target.byteLength - filled);
      target.set(part, filled);
      this.#rest = this.#rest.subarray(part.byteLength);
      filled += part.byteLength;
    }
    return filled;
  }

  async #hasMore(): Promise<boolean> {
    while (this.#rest.byteLength === 0 && !this.#ended) {
      this.#signal?.throwIfAborted();
      const { done, value } = await untilAborted(this.#chunks.next(), this.#signal);
      if (done === true) this.#ended = true;
      else this.#rest = value;
    }
    return this.#rest.byteLength > 0;
  }

  /** Wants no more; the maker of the stream is not waited for, as it may be waiting for its own input. */
  abandon(): void {
    if (this.#ended) return;
    this.#ended = true;
    Promise.resolve(this.#chunks.return?.()).catch(() => undefined);
  }
}
