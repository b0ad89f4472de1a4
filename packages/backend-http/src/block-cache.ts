// Blocks of the file in memory, the least recently used forgotten first. Owns the bound in bytes; who fills it, and
// with what, is others' business.

export class BlockCache {
  readonly blockBytes: number;
  readonly #bytesMax: number;
  /** In the order of their use: a Map keeps the order in which keys were put in. */
  readonly #blocks = new Map<number, Uint8Array>();
  #bytes = 0;

  /** Blocks of `blockBytes` bytes, the last one of the file maybe shorter; `bytesMax` bytes in all. */
  constructor(blockBytes: number, bytesMax: number) {
    this.blockBytes = blockBytes;
    this.#bytesMax = bytesMax;
  }

  /** Bytes that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  has(offset: number): boolean {
    return this.#blocks.has(Math.floor(offset / this.blockBytes));
  }

  /** Keeps the block that begins at `offset`, which is the cache's from now on. */
  put(offset: number, block: Uint8Array): void {
    const index = offset / this.blockBytes;
    this.#forget(index);
    this.#blocks.set(index, block);
    this.#bytes += block.length;
    for (const oldest of this.#blocks.keys()) {
      if (this.#bytes <= this.#bytesMax) break;
      this.#forget(oldest);
    }
  }

  /** Copies what it has from `offset` on, up to the first gap, and tells how many bytes that were. */
  copy(offset: number, target: Uint8Array): number {
    let done = 0;
    while (done < target.length) {
      const index = Math.floor((offset + done) / this.blockBytes);
      const block = this.#use(index);
      if (block === undefined) break;
      const from = offset + done - index * this.blockBytes;
      const part = block.subarray(from, from + target.length - done);
      if (part.length === 0) break;
      target.set(part, done);
      done += part.length;
    }
    return done;
  }

  clear(): void {
    this.#blocks.clear();
    this.#bytes = 0;
  }

  #use(index: number): Uint8Array | undefined {
    const block = this.#blocks.get(index);
    if (block === undefined) return undefined;
    this.#blocks.delete(index);
    this.#blocks.set(index, block);
    return block;
  }

  #forget(index: number): void {
    this.#bytes -= this.#blocks.get(index)?.length ?? 0;
    this.#blocks.delete(index);
  }
}
