// Buffers for host reads that do not go straight into the caller's buffer, used again to spare the
// collector. Owns only the reuse; what is left in a buffer is overwritten before it is looked at.

import { longBuffer } from "@qcow/block";
import { SPAN_BYTES_MAX } from "./plan-read.js";

const KEPT_MAX = 8;

/** Short reads can use each other's buffers, and need none that is as large as the largest. */
const BUFFER_BYTES_MIN = 64 * 1024;

export class ScratchPool {
  readonly #free: Uint8Array[] = [];

  /** A buffer of at least `length` bytes, with old contents. */
  take(length: number): Uint8Array {
    const index = this.#free.findIndex(({ byteLength }) => byteLength >= length);
    if (index >= 0) return this.#free.splice(index, 1)[0] as Uint8Array;
    return longBuffer(length > SPAN_BYTES_MAX ? length : sizeFor(length));
  }

  /** Gives a buffer back; the caller must not use it any more. */
  give(buffer: Uint8Array): void {
    if (buffer.byteLength > SPAN_BYTES_MAX) return;
    if (this.#free.length < KEPT_MAX) this.#free.push(buffer);
    else {
      const smaller = this.#free.findIndex(({ byteLength }) => byteLength < buffer.byteLength);
      if (smaller >= 0) this.#free[smaller] = buffer;
    }
  }
}

function sizeFor(length: number): number {
  let size = BUFFER_BYTES_MIN;
  while (size < length) size *= 2;
  return size;
}
