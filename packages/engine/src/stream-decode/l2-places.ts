// Where the L2 tables of a disk lie, in the order in which a stream brings them. Owns the order and which of them have
// been dealt with, in a few bytes for each entry: an L1 table can have four million.

import { EngineError } from "../engine-error.js";
import { L1Table } from "../tables/l1-table.js";

export class L2Places {
  /** Entries of the L1 table that the disk needs. */
  readonly count: number;
  readonly #offsets: Float64Array;
  /** L1 indices of tables that exist, by their offsets. */
  readonly #order: Uint32Array;
  /** A bit for each L1 index whose table has not been dealt with. */
  readonly #waiting: Uint8Array;
  #next = 0;
  #left: number;

  /** `bytes` are those of the L1 table. @throws EngineError `QCOW2_UNALIGNED_OFFSET`. */
  constructor(bytes: Uint8Array, count: number, clusterSize: number, label: string) {
    const l1 = new L1Table(bytes, count);
    this.count = count;
    this.#offsets = new Float64Array(count);
    this.#waiting = new Uint8Array(Math.ceil(count / 8));
    const present = new Uint32Array(count);
    let found = 0;
    let isSorted = true;
    let last = 0;
    for (let index = l1.nextPresent(0, count); index < count; index = l1.nextPresent(index + 1, count)) {
      const offset = l1.l2Offset(index);
      if (offset % clusterSize !== 0) throw unaligned(label, index, offset);
      this.#offsets[index] = offset;
      this.#mark(index, true);
      present[found++] = index;
      isSorted &&= offset >= last;
      last = offset;
    }
    this.#order = present.slice(0, found);
    this.#left = found;
    if (!isSorted) this.#order.sort((a, b) => this.offsetOf(a) - this.offsetOf(b) || a - b);
  }

  /** Host offset of the L2 table of entry `index`; 0 for none. */
  offsetOf(index: number): number {
    return this.#offsets[index] as number;
  }

  /** Host offset of the next table that the stream brings; infinite when there is none. */
  get nextOffset(): number {
    const index = this.#order[this.#next];
    return index === undefined ? Number.POSITIVE_INFINITY : this.offsetOf(index);
  }

  /** Takes all entries that name the table at `nextOffset`, which come as L1 indices. */
  takeNext(): Uint32Array {
    const from = this.#next;
    const offset = this.nextOffset;
    while (this.nextOffset === offset) this.#next++;
    return this.#order.subarray(from, this.#next);
  }

  /** How many entries name tables that have not been dealt with. */
  get left(): number {
    return this.#left;
  }

  isWaiting(index: number): boolean {
    return (((this.#waiting[index >>> 3] as number) >>> (index & 7)) & 1) === 1;
  }

  /** The table of entry `index` has been dealt with. */
  settle(index: number): void {
    this.#mark(index, false);
    this.#left--;
  }

  #mark(index: number, isWaiting: boolean): void {
    const bit = 1 << (index & 7);
    const byte = this.#waiting[index >>> 3] as number;
    this.#waiting[index >>> 3] = isWaiting ? byte | bit : byte & ~bit;
  }
}

function unaligned(label: string, index: number, offset: number): EngineError {
  return new EngineError(
    "QCOW2_UNALIGNED_OFFSET",
    `entry ${index} of the L1 table of ${label} names an L2 table at offset ${offset}, which is not aligned to clusters`,
    { offset },
  );
}
