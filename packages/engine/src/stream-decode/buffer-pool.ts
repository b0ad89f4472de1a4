// A few buffers of one size, which are waited for when all are in use: so what is under way is bounded.

import { longBuffer } from "@qcow/block";

export class BufferPool {
  readonly bufferBytes: number;
  readonly #max: number;
  readonly #free: Uint8Array[] = [];
  readonly #waiting: ((buffer: Uint8Array) => void)[] = [];
  #made = 0;

  constructor(bufferBytes: number, max: number) {
    this.bufferBytes = bufferBytes;
    this.#max = max;
  }

  /** A buffer with any contents. */
  take(): Promise<Uint8Array> | Uint8Array {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#made < this.#max) {
      this.#made++;
      return longBuffer(this.bufferBytes);
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  give(buffer: Uint8Array): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(buffer);
    else next(buffer);
  }
}
