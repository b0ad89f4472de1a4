// Buffers for payloads, used again: a fresh one costs more than reading into it. Owns how many are kept.

/** Smaller ones are cheap to make, in bytes. */
const POOLED_BYTES_MIN = 2 * 1024;

export class BufferPool {
  readonly #keptBytesMax: number;
  readonly #free = new Map<number, ArrayBuffer[]>();
  #keptBytes = 0;

  constructor(keptBytesMax: number) {
    this.#keptBytesMax = keptBytesMax;
  }

  /** A buffer of `length` bytes of anything. */
  take(length: number): Uint8Array<ArrayBuffer> {
    if (length < POOLED_BYTES_MIN) return new Uint8Array(length);
    const size = 2 ** Math.ceil(Math.log2(length));
    const free = this.#free.get(size)?.pop();
    if (free === undefined) return new Uint8Array(new ArrayBuffer(size), 0, length);
    this.#keptBytes -= size;
    return new Uint8Array(free, 0, length);
  }

  /** Takes back what `take` gave, which nobody may use any more. */
  give({ buffer }: Uint8Array): void {
    const size = buffer.byteLength;
    if (size < POOLED_BYTES_MIN || this.#keptBytes + size > this.#keptBytesMax) return;
    this.#keptBytes += size;
    const free = this.#free.get(size);
    if (free === undefined) this.#free.set(size, [buffer as ArrayBuffer]);
    else free.push(buffer as ArrayBuffer);
  }
}
