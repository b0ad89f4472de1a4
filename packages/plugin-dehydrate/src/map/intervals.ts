// The parts of a file that metadata lies in: intervals of bytes, ends included, as many as a file may have. Owns their
// storage in plain numbers, their order, and what makes them nonsense; the text is map-text.ts.

import { DehydrateError } from "../dehydrate-error.js";

/** Most intervals: 64 MiB of memory. */
export const INTERVALS_MAX = 4 * 1024 * 1024;

/** What of an interval qcow-tool copies. */
const FOREIGN_BYTES_MAX = 1024 * 1024;

export class Intervals {
  #numbers = new Float64Array(64);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Adds the bytes from `first` to `last`, both included. */
  add(first: number, last: number): void {
    if (this.#count >= INTERVALS_MAX)
      throw new DehydrateError("DEHYDRATED_TOO_LARGE", `a map has more than ${INTERVALS_MAX} intervals`);
    if (this.#count * 2 === this.#numbers.length) {
      const grown = new Float64Array(this.#numbers.length * 2);
      grown.set(this.#numbers);
      this.#numbers = grown;
    }
    this.#numbers[this.#count * 2] = first;
    this.#numbers[this.#count * 2 + 1] = last;
    this.#count++;
  }

  /** First byte of interval `index`. */
  first(index: number): number {
    return this.#numbers[index * 2] as number;
  }

  /** Last byte of interval `index`, included. */
  last(index: number): number {
    return this.#numbers[index * 2 + 1] as number;
  }

  /** Bytes in all of them. */
  get bytes(): number {
    let sum = 0;
    for (let index = 0; index < this.#count; index++) sum += this.last(index) - this.first(index) + 1;
    return sum;
  }

  /** Bytes of them that qcow-tool copies: it stops after the first MiB of each. */
  get foreignBytes(): number {
    let sum = 0;
    for (let index = 0; index < this.#count; index++)
      sum += Math.min(this.last(index) - this.first(index) + 1, FOREIGN_BYTES_MAX);
    return sum;
  }

  /** How many are longer than what qcow-tool copies. */
  get longerThanForeign(): number {
    let count = 0;
    for (let index = 0; index < this.#count; index++)
      if (this.last(index) - this.first(index) >= FOREIGN_BYTES_MAX) count++;
    return count;
  }

  /** Length in bytes of what qcow-tool copies of interval `index`. */
  foreignLength(index: number): number {
    return Math.min(this.last(index) - this.first(index) + 1, FOREIGN_BYTES_MAX);
  }

  /**
   * The same ones, ascending.
   *
   * @throws DehydrateError `DEHYDRATED_BAD_MAP` when one is empty, two overlap, or one ends past `totalSize` bytes.
   */
  sorted(totalSize: number): Intervals {
    const sorted = new Intervals();
    const order = this.#order();
    sorted.#numbers = new Float64Array(Math.max(64, this.#count * 2));
    let end = -1;
    for (const index of order) {
      const first = this.first(index);
      const last = this.last(index);
      if (last < first) throw badMap(`the interval ${first} to ${last} ends before it begins`);
      if (first <= end) throw badMap(`the interval ${first} to ${last} overlaps another`);
      if (last >= totalSize)
        throw badMap(`the interval ${first} to ${last} lies past the end of the file (${totalSize} bytes)`);
      sorted.add(first, last);
      end = last;
    }
    return sorted;
  }

  /** Indexes by first byte; mostly the intervals come in some order already. */
  #order(): Uint32Array {
    const order = new Uint32Array(this.#count);
    const isDescending = this.#count > 1 && this.first(0) > this.first(1);
    for (let index = 0; index < this.#count; index++)
      order[index] = isDescending ? this.#count - 1 - index : index;
    return order.sort((a, b) => this.first(a) - this.first(b));
  }
}

export function badMap(problem: string): DehydrateError {
  return new DehydrateError("DEHYDRATED_BAD_MAP", `the map makes no sense: ${problem}`);
}
