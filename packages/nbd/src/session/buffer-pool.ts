// Buffers for payloads, used again: a fresh one costs more than reading into it. Owns how many are kept.

import { longBuffer } from "@qcow/block";

/** Smaller ones are cheap to make, in bytes. */
const POOLED_BYTES_MIN = 2 * 1024;

export class BufferPool {
  readonly #keptBytesMax: number;
  /** By their whole length, a power of two. */
  readonly #free = new Map<number, Uint8Array<ArrayBuffer>[]>();
  #keptBytes = 0;

  constructor(keptBytesMax: number) {
    this.#keptBytesMax = keptBytesMax;
  }

  /** A buffer of `length` bytes of anything. */
  take(length: number): Uint8Array<ArrayBuffer> {
    if (length < POOLED_BYTES_MIN) return new Uint8Array(length);
    const size = 2 ** Math.ceil(Math.log2(length));
    const free = this.#free.get(size)?.pop();
    if (free === undefined) return longBuffer(size).subarray(0, length);
    this.#keptBytes -= size;
    return free.subarray(0, length);
  }

  /** Takes back what `take` gave, which nobody may use any more. */
  give({ buffer, byteOffset }: Uint8Array): void {
    const whole = new Uint8Array(buffer as ArrayBuffer, byteOffset);
    const size = whole.byteLength;
    if (size < POOLED_BYTES_MIN || this.#keptBytes + size > this.#keptBytesMax) return;
    this.#keptBytes += size;
    const free = this.#free.get(size);
    if (free === undefined) this.#free.set(size, [whole]);
    else free.push(whole);
  }
}
