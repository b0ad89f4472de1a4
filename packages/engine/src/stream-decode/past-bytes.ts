// What of the stream has passed by and may be wanted still. Owns which parts of the file that is, in ascending order;
// the bytes themselves are in a log.

import { ByteLog } from "../spill/byte-log.js";
import type { Spill } from "../spill/spill.js";

/** Memory for each separate part. */
const PART_BYTES = 24;
const PARTS_MIN = 256;

export class PastBytes {
  readonly #log: ByteLog;
  readonly #partsMax: number;
  /** Of each part: where it begins and ends in the file, and where it begins in the log. */
  #starts = new Float64Array(PARTS_MIN);
  #ends = new Float64Array(PARTS_MIN);
  #positions = new Float64Array(PARTS_MIN);
  #count = 0;

  /** Takes up to `memoryBytes` for both parts and bytes. */
  constructor(memoryBytes: number, spill: Spill, options: { readonly signal?: AbortSignal | undefined }) {
    this.#partsMax = Math.max(PARTS_MIN, Math.floor(memoryBytes / 3 / PART_BYTES));
    this.#log = new ByteLog((memoryBytes * 2) / 3, spill, options);
  }

  /**
   * Whether there are as many parts as memory has room for. Then all that comes must be kept, needed or not: parts that
   * touch each other are one, so there will be no more.
   */
  get isFull(): boolean {
    return this.#count >= this.#partsMax;
  }

  /** Bytes that are kept. */
  get length(): number {
    return this.#log.length;
  }

  /** Keeps `bytes`, which lie at `start`, behind all that was kept before; undefined when that is done at once. */
  keep(start: number, bytes: Uint8Array): Promise<void> | undefined {
    if (bytes.byteLength === 0) return undefined;
    const last = this.#count - 1;
    if (last >= 0 && this.#ends[last] === start) this.#ends[last] = start + bytes.byteLength;
    else this.#add(start, start + bytes.byteLength);
    return this.#log.append(bytes);
  }

  #add(start: number, end: number): void {
    if (this.#count === this.#starts.length) {
      this.#starts = doubled(this.#starts);
      this.#ends = doubled(this.#ends);
      this.#positions = doubled(this.#positions);
    }
    this.#starts[this.#count] = start;
    this.#ends[this.#count] = end;
    this.#positions[this.#count] = this.#log.length;
    this.#count++;
  }

  /** How many bytes from `start` on are there, up to `length`. */
  available(start: number, length: number): number {
    const part = this.#find(start);
    return part < 0 ? 0 : Math.min(length, (this.#ends[part] as number) - start);
  }

  /** Fills `target` with the bytes from `start` on, which are `available`. */
  read(start: number, target: Uint8Array): Promise<void> {
    const part = this.#find(start);
    return this.#log.read((this.#positions[part] as number) + start - (this.#starts[part] as number), target);
  }

  /** The part that has the byte at `offset`; -1 when none has. */
  #find(offset: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#starts[middle] as number) <= offset) low = middle + 1;
      else high = middle;
    }
    return low > 0 && offset < (this.#ends[low - 1] as number) ? low - 1 : -1;
  }

  clear(): void {
    this.#count = 0;
    this.#log.clear();
  }
}

function doubled(array: Float64Array): Float64Array<ArrayBuffer> {
  const longer = new Float64Array(array.length * 2);
  longer.set(array);
  return longer;
}
