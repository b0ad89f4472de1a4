// `map --json` at the speed that maps of millions of extents need: digits and fixed texts go straight into
// blocks of bytes, in the very layout of `qemu-img map --output=json`. Owns the layout; writing is the caller's.

import { type ExtentBatch, ExtentFlag } from "@qcow/engine";

const BLOCK_BYTES = 1024 * 1024;

/** Longest entry: four numbers of up to 16 digits and the fixed texts. */
const ENTRY_BYTES_MAX = 256;

/** Takes a finished block; the memory is reused once it resolves. */
export type BlockSink = (block: Uint8Array) => Promise<void>;

export class ExtentJsonWriter {
  readonly #sink: BlockSink;
  readonly #block = new Uint8Array(BLOCK_BYTES);
  #used = 0;
  #isEmpty = true;
  // The text between the start and the offset mostly repeats: it is made once and copied.
  readonly #middleBytes = new Uint8Array(ENTRY_BYTES_MAX);
  #middle = this.#middleBytes;
  #middleOf = { length: -1, depth: -1, flags: -1 };

  constructor(sink: BlockSink) {
    this.#sink = sink;
    this.#used = put(this.#block, 0, OPEN);
  }

  /** Appends all extents of a batch. */
  async add(batch: ExtentBatch): Promise<void> {
    for (let index = 0; index < batch.count; index++) {
      if (this.#used > BLOCK_BYTES - ENTRY_BYTES_MAX) await this.#flush();
      this.#addOne(batch, index);
    }
  }

  /** Closes the list and hands out the rest. A list without extents gets the one of length 0 that qemu-img prints. */
  async end(start = 0): Promise<void> {
    if (this.#used > BLOCK_BYTES - ENTRY_BYTES_MAX) await this.#flush();
    if (this.#isEmpty) {
      this.#prepareMiddle(0, 0, 0);
      const at = putNumber(this.#block, put(this.#block, this.#used, FIRST), start);
      this.#used = put(this.#block, at, this.#middle);
      this.#block[this.#used++] = BRACE;
    }
    this.#used = put(this.#block, this.#used, CLOSE);
    await this.#flush();
  }

  #addOne(batch: ExtentBatch, index: number): void {
    const flags = batch.flags[index] as number;
    this.#prepareMiddle(batch.length[index] as number, batch.depth[index] as number, flags);
    let at = put(this.#block, this.#used, this.#isEmpty ? FIRST : NEXT);
    this.#isEmpty = false;
    at = putNumber(this.#block, at, batch.start[index] as number);
    this.#block.set(this.#middle, at);
    at += this.#middle.length;
    if ((flags & ExtentFlag.hasOffset) !== 0) {
      at = put(this.#block, at, OFFSET);
      at = putNumber(this.#block, at, batch.offset[index] as number);
    }
    this.#block[at] = BRACE;
    this.#used = at + 1;
  }

  #prepareMiddle(length: number, depth: number, flags: number): void {
    const last = this.#middleOf;
    if (last.length === length && last.depth === depth && last.flags === flags) return;
    this.#middleOf = { length, depth, flags };
    const middle = this.#middleBytes;
    let at = putNumber(middle, put(middle, 0, LENGTH), length);
    at = putNumber(middle, put(middle, at, DEPTH), depth);
    at = put(middle, at, (flags & ExtentFlag.present) === 0 ? NOT_PRESENT : PRESENT);
    at = put(middle, at, (flags & ExtentFlag.zero) === 0 ? NOT_ZERO : ZERO);
    at = put(middle, at, (flags & ExtentFlag.data) === 0 ? NO_DATA : DATA);
    this.#middle = middle.subarray(0, at);
  }

  async #flush(): Promise<void> {
    const block = this.#block.subarray(0, this.#used);
    this.#used = 0;
    await this.#sink(block);
  }
}

const encoder = new TextEncoder();
const OPEN = encoder.encode("[");
const CLOSE = encoder.encode("]\n");
const FIRST = encoder.encode('{ "start": ');
const NEXT = encoder.encode(',\n{ "start": ');
const LENGTH = encoder.encode(', "length": ');
const DEPTH = encoder.encode(', "depth": ');
const PRESENT = encoder.encode(', "present": true');
const NOT_PRESENT = encoder.encode(', "present": false');
const ZERO = encoder.encode(', "zero": true');
const NOT_ZERO = encoder.encode(', "zero": false');
const DATA = encoder.encode(', "data": true');
const NO_DATA = encoder.encode(', "data": false');
const OFFSET = encoder.encode(', "offset": ');
const BRACE = 0x7d;
const DIGIT_ZERO = 0x30;

/** Copies by hand: for texts this short a call of `set` costs more. */
function put(target: Uint8Array, at: number, text: Uint8Array): number {
  for (let index = 0; index < text.length; index++) target[at + index] = text[index] as number;
  return at + text.length;
}

const BILLION = 1_000_000_000;

/** Decimal digits of a safe integer that is not negative. */
function putNumber(target: Uint8Array, at: number, value: number): number {
  if (value < BILLION) return putDigits(target, at, value, digitCount(value));
  const high = Math.floor(value / BILLION);
  return putDigits(target, putDigits(target, at, high, digitCount(high)), value - high * BILLION, 9);
}

// The two digits of each number below 100: one division serves two digits.
const TENS = Uint8Array.from({ length: 100 }, (_, number) => DIGIT_ZERO + Math.floor(number / 10));
const ONES = Uint8Array.from({ length: 100 }, (_, number) => DIGIT_ZERO + (number % 10));

/** The last `count` digits of a value below 2^31. */
function putDigits(target: Uint8Array, at: number, value: number, count: number): number {
  let rest = value | 0;
  let index = at + count - 1;
  for (; index > at; index -= 2) {
    const next = (rest / 100) | 0;
    const pair = rest - next * 100;
    target[index] = ONES[pair] as number;
    target[index - 1] = TENS[pair] as number;
    rest = next;
  }
  if (index === at) target[at] = DIGIT_ZERO + rest;
  return at + count;
}

function digitCount(value: number): number {
  let count = 1;
  for (let limit = 10; value >= limit; limit *= 10) count++;
  return count;
}
