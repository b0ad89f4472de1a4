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
  /** The texts between length and offset, by depth and flags: there are few, and each is made once. */
  readonly #middles: (Uint8Array | undefined)[] = [];

  constructor(sink: BlockSink) {
    this.#sink = sink;
    this.#used = put(this.#block, 0, OPEN);
  }

  /** Appends all extents of a batch. */
  async add(batch: ExtentBatch): Promise<void> {
    for (let index = 0; index < batch.count; index++) {
      if (this.#used > BLOCK_BYTES - ENTRY_BYTES_MAX) await this.#flush();
      this.#addOne(
        batch.start[index] as number,
        batch.length[index] as number,
        batch.offset[index] as number,
        batch.depth[index] as number,
        batch.flags[index] as number,
      );
    }
  }

  /** Closes the list and hands out the rest. A list without extents gets the one of length 0 that qemu-img prints. */
  async end(start = 0): Promise<void> {
    if (this.#used > BLOCK_BYTES - ENTRY_BYTES_MAX) await this.#flush();
    if (this.#isEmpty) this.#addOne(start, 0, 0, 0, 0);
    this.#used = put(this.#block, this.#used, CLOSE);
    await this.#flush();
  }

  #addOne(start: number, length: number, offset: number, depth: number, flags: number): void {
    const block = this.#block;
    let at = put(block, this.#used, this.#isEmpty ? FIRST : NEXT);
    this.#isEmpty = false;
    at = putNumber(block, at, start);
    at = putNumber(block, put(block, at, LENGTH), length);
    const middle = this.#middleOf(depth, flags);
    block.set(middle, at);
    at += middle.length;
    this.#used = (flags & ExtentFlag.hasOffset) === 0 ? at : putNumber(block, at, offset);
  }

  #middleOf(depth: number, flags: number): Uint8Array {
    const key = depth * FLAG_VALUES + flags;
    const made = this.#middles[key];
    if (made !== undefined) return made;
    const middle = encoder.encode(middleText(depth, flags));
    this.#middles[key] = middle;
    return middle;
  }

  async #flush(): Promise<void> {
    const block = this.#block.subarray(0, this.#used);
    this.#used = 0;
    await this.#sink(block);
  }
}

/** Values that the flags of an extent may have. */
const FLAG_VALUES = 256;

function middleText(depth: number, flags: number): string {
  const has = (flag: number): boolean => (flags & flag) !== 0;
  const { present, zero, data, hasOffset } = ExtentFlag;
  const offset = has(hasOffset) ? ', "offset": ' : "";
  return `, "depth": ${depth}, "present": ${has(present)}, "zero": ${has(zero)}, "data": ${has(data)}${offset}`;
}

const encoder = new TextEncoder();
const OPEN = encoder.encode("[");
const CLOSE = encoder.encode("}]\n");
const FIRST = encoder.encode('{ "start": ');
const NEXT = encoder.encode('},\n{ "start": ');
const LENGTH = encoder.encode(', "length": ');
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
