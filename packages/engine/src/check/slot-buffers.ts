// One buffer for each job in flight (in-flight.ts), used again by the next job in its slot.

import { longBuffer } from "@qcow/block";

export class SlotBuffers {
  readonly #buffers: Uint8Array[] = [];

  /** `length` bytes with old contents, for the job in `slot`. */
  take(slot: number, length: number): Uint8Array {
    let buffer = this.#buffers[slot];
    if (buffer === undefined || buffer.byteLength < length) {
      buffer = longBuffer(length);
      this.#buffers[slot] = buffer;
    }
    return buffer.subarray(0, length);
  }
}
