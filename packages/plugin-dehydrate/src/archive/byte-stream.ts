// A stream of chunks, taken by numbers of bytes. Owns the position in it.

import { badArchive } from "./tar-header.js";

export class ByteStream {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #current: Uint8Array = new Uint8Array(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** The next `length` bytes; few enough to be held. */
  async exactly(length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    let at = 0;
    for await (const chunk of this.next(length)) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  }

  /** The next `length` bytes, as they come. */
  async *next(length: number): AsyncGenerator<Uint8Array> {
    for (let left = length; left > 0; ) {
      if (!(await this.#fill())) throw badArchive("it is cut short");
      const chunk = this.#current.subarray(0, left);
      this.#current = this.#current.subarray(chunk.length);
      left -= chunk.length;
      yield chunk;
    }
  }

  /** Everything up to the end. */
  async *rest(): AsyncGenerator<Uint8Array> {
    while (await this.#fill()) {
      const chunk = this.#current;
      this.#current = chunk.subarray(chunk.length);
      yield chunk;
    }
  }

  async #fill(): Promise<boolean> {
    while (this.#current.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return false;
      this.#current = next.value;
    }
    return true;
  }
}
