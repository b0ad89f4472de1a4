// The bytes that a frame has yielded so far. Owns the rule that nothing is written past the target, and nothing read
// from before its start.

import { badFrame } from "./zstd-error.js";

/** Below this a loop is faster than a call. */
const SHORT_BYTES = 32;

export class Output {
  length = 0;
  readonly #target: Uint8Array;

  constructor(target: Uint8Array) {
    this.#target = target;
  }

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#target.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Appends `count` bytes of `source` from `start` on, which must be there. */
  appendRange(source: Uint8Array, start: number, count: number): void {
    if (count > SHORT_BYTES) {
      this.append(source.subarray(start, start + count));
      return;
    }
    this.#reserve(count);
    const target = this.#target;
    for (let at = 0; at < count; at += 1) target[this.length + at] = source[start + at] as number;
    this.length += count;
  }

  fill(value: number, count: number): void {
    this.#reserve(count);
    this.#target.fill(value, this.length, this.length + count);
    this.length += count;
  }

  /** Appends `count` bytes from `offset` before the end; they may overlap with themselves. */
  repeat(offset: number, count: number): void {
    this.#reserve(count);
    const from = this.length - offset;
    if (offset < 1 || from < 0) throw badFrame("a match lies before the start");
    const target = this.#target;
    if (count > SHORT_BYTES && offset >= count) {
      target.copyWithin(this.length, from, from + count);
    } else {
      for (let at = 0; at < count; at += 1) target[this.length + at] = target[from + at] as number;
    }
    this.length += count;
  }

  #reserve(count: number): void {
    if (count > this.#target.length - this.length)
      throw badFrame(`yields more than ${this.#target.length} bytes`);
  }
}
