// Bytes one behind the other, the first of them in memory and the rest spilled. Owns that few large writes are made of
// many small ones; where the bytes come from is the business of those who know their positions.

import type { IoOptions } from "@qcow/block";
import type { Spill } from "./spill.js";

const BLOCK_BYTES = 256 * 1024;
const SPILL_WRITE_BYTES = 1024 * 1024;

export class ByteLog {
  /** Bytes in the log: where the next ones go. */
  length = 0;
  readonly #memoryMax: number;
  readonly #spill: Spill;
  readonly #options: IoOptions;
  #blocks: Uint8Array[] = [];
  /** Bytes in memory, at most `memoryMax`; whole blocks. */
  readonly #room: number;
  #tail: Uint8Array | undefined;
  /** Where the tail begins in the log. */
  #tailStart: number;

  constructor(memoryMax: number, spill: Spill, options: IoOptions) {
    this.#memoryMax = memoryMax;
    this.#spill = spill;
    this.#options = options;
    this.#room = Math.max(0, Math.floor(this.#memoryMax / BLOCK_BYTES)) * BLOCK_BYTES;
    this.#tailStart = this.#room;
  }

  /** Appends `bytes`, which may be used again once this resolves; undefined when that is at once. */
  append(bytes: Uint8Array): Promise<void> | undefined {
    let rest = bytes;
    while (rest.byteLength > 0 && this.length < this.#room) {
      const within = this.length % BLOCK_BYTES;
      if (within === 0) this.#blocks.push(new Uint8Array(BLOCK_BYTES));
      const block = this.#blocks[this.#blocks.length - 1] as Uint8Array;
      const part = rest.subarray(0, BLOCK_BYTES - within);
      block.set(part, within);
      this.length += part.byteLength;
      rest = rest.subarray(part.byteLength);
    }
    return rest.byteLength === 0 ? undefined : this.#appendToTail(rest);
  }

  async #appendToTail(bytes: Uint8Array): Promise<void> {
    this.#tail ??= new Uint8Array(SPILL_WRITE_BYTES);
    for (let rest = bytes; rest.byteLength > 0; ) {
      const within = this.length - this.#tailStart;
      const part = rest.subarray(0, SPILL_WRITE_BYTES - within);
      this.#tail.set(part, within);
      this.length += part.byteLength;
      rest = rest.subarray(part.byteLength);
      if (within + part.byteLength === SPILL_WRITE_BYTES) await this.#flush();
    }
  }

  // Readers find these bytes in the tail until the write has ended.
  async #flush(): Promise<void> {
    const backend = await this.#spill.backend();
    await backend.write(this.#tailStart - this.#room, this.#tail as Uint8Array, this.#options);
    this.#tail = new Uint8Array(SPILL_WRITE_BYTES);
    this.#tailStart = this.length;
  }

  /** Fills `target` with the bytes from `position` on, which are in the log. */
  async read(position: number, target: Uint8Array): Promise<void> {
    let at = 0;
    while (at < target.byteLength && position + at < this.#room) {
      const block = this.#blocks[Math.floor((position + at) / BLOCK_BYTES)] as Uint8Array;
      const within = (position + at) % BLOCK_BYTES;
      const part = block.subarray(within, within + target.byteLength - at);
      target.set(part, at);
      at += part.byteLength;
    }
    if (at === target.byteLength) return;
    const spilled = Math.max(0, Math.min(target.byteLength, this.#tailStart - position) - at);
    const inTail = at + spilled;
    if (inTail < target.byteLength) {
      const from = position + inTail - this.#tailStart;
      target.set((this.#tail as Uint8Array).subarray(from, from + target.byteLength - inTail), inTail);
    }
    if (spilled === 0) return;
    const backend = await this.#spill.backend();
    await backend.read(position + at - this.#room, target.subarray(at, inTail), this.#options);
  }

  /** Forgets all of it, the memory at least; nothing is read or appended any more. */
  clear(): void {
    this.#blocks = [];
    this.#tail = undefined;
  }
}
