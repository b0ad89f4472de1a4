// Buffers for host reads that do not go straight into the caller's buffer, used again to spare the
// collector. Owns only the reuse; what is left in a buffer is overwritten before it is looked at.

import { SPAN_BYTES_MAX } from "./plan-read.js";

const KEPT_MAX = 8;

export class ScratchPool {
  readonly #free: Uint8Array[] = [];

  /** A buffer of at least `length` bytes, with old contents. */
  take(length: number): Uint8Array {
    if (length > SPAN_BYTES_MAX) return new Uint8Array(length);
    return this.#free.pop() ?? new Uint8Array(SPAN_BYTES_MAX);
  }

  /** Gives a buffer back; the caller must not use it any more. */
  give(buffer: Uint8Array): void {
    if (buffer.byteLength === SPAN_BYTES_MAX && this.#free.length < KEPT_MAX) this.#free.push(buffer);
  }
}
