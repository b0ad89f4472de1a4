// Makes blocks for a cache of bytes that arrive in a row. Owns the one block that is not whole yet; blocks that the
// row does not cover wholly are left out.

import type { BlockCache } from "./block-cache.js";

export class BlockFiller {
  readonly cache: BlockCache;
  readonly #start: number;
  readonly #end: number;
  readonly #size: number;
  #block: Uint8Array | undefined;
  #blockStart = 0;
  #filled = 0;

  /** Takes what lies from `start` up to `end`, of a file of `size` bytes. */
  constructor(cache: BlockCache, start: number, end: number, size: number) {
    this.cache = cache;
    this.#start = start;
    this.#end = end;
    this.#size = size;
  }

  /** Takes `bytes`, which lie at `offset`. They may begin earlier than the last ones ended: then that is taken anew. */
  add(offset: number, bytes: Uint8Array): void {
    const from = Math.max(this.#start, offset);
    const to = Math.min(this.#end, offset + bytes.length);
    for (let at = from; at < to; ) at = this.#take(at, bytes.subarray(at - offset, to - offset));
  }

  /** What it has from `offset` on, if that lies in the block that is not whole yet. */
  partAt(offset: number): Uint8Array | undefined {
    const from = offset - this.#blockStart;
    if (this.#block === undefined || from < 0 || from >= this.#filled) return undefined;
    return this.#block.subarray(from, this.#filled);
  }

  /** Takes what belongs to one block, and tells where the next one begins. */
  #take(at: number, bytes: Uint8Array): number {
    if (this.#block === undefined || at !== this.#blockStart + this.#filled) this.#begin(at);
    const { blockBytes } = this.cache;
    const next = Math.min((Math.floor(at / blockBytes) + 1) * blockBytes, at + bytes.length);
    if (this.#block === undefined) return next;
    const part = bytes.subarray(0, this.#block.length - this.#filled);
    this.#block.set(part, this.#filled);
    this.#filled += part.length;
    if (this.#filled === this.#block.length) {
      this.cache.put(this.#blockStart, this.#block);
      this.#block = undefined;
    }
    return next;
  }

  #begin(at: number): void {
    const { blockBytes } = this.cache;
    const length = Math.min(blockBytes, this.#size - at);
    this.#block = at % blockBytes === 0 && at + length <= this.#end ? new Uint8Array(length) : undefined;
    this.#blockStart = at;
    this.#filled = 0;
  }
}
