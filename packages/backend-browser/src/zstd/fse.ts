// Tables of finite state entropy (RFC 8878, 4.1): read from a block, built from counts, and followed.

import type { ReverseBits } from "./reverse-bits.js";
import { badFrame } from "./zstd-error.js";

/** Per state: its symbol, and where the next state starts and how many bits choose it from there. */
export interface FseTable {
  /** States are numbers of so many bits. */
  readonly log: number;
  readonly symbol: Uint8Array;
  readonly base: Uint16Array;
  readonly bits: Uint8Array;
}

/** The state after `state`. */
export function nextState(table: FseTable, state: number, stream: ReverseBits): number {
  return (table.base[state] as number) + stream.read(table.bits[state] as number);
}

/** A table with one state that never changes (mode RLE). */
export function fseTableOf(symbol: number): FseTable {
  return { log: 0, symbol: Uint8Array.of(symbol), base: new Uint16Array(1), bits: new Uint8Array(1) };
}

/** Builds the table of counts that sum up to a power of 2, `-1` being a count of less than one (4.1.1). */
export function buildFseTable(counts: readonly number[], log: number): FseTable {
  const size = 2 ** log;
  const table = {
    log,
    symbol: new Uint8Array(size),
    base: new Uint16Array(size),
    bits: new Uint8Array(size),
  };
  const next = counts.map((count) => Math.abs(count));
  let high = size;
  counts.forEach((count, symbol) => {
    if (count === -1) table.symbol[--high] = symbol;
  });
  spread(counts, high, table.symbol);
  for (let state = 0; state < size; state += 1) {
    const symbol = table.symbol[state] as number;
    const nth = next[symbol] as number;
    next[symbol] = nth + 1;
    const bits = log - (31 - Math.clz32(nth));
    table.bits[state] = bits;
    table.base[state] = (nth << bits) - size;
  }
  return table;
}

/** Puts symbols with whole counts at the states below `high`, in the order that the format has. */
function spread(counts: readonly number[], high: number, symbols: Uint8Array): void {
  const size = symbols.length;
  const step = (size >> 1) + (size >> 3) + 3;
  let position = 0;
  counts.forEach((count, symbol) => {
    for (let nth = 0; nth < count; nth += 1) {
      symbols[position] = symbol;
      do position = (position + step) & (size - 1);
      while (position >= high);
    }
  });
}

export interface FseLimits {
  readonly logMax: number;
  readonly symbolMax: number;
}

/** Reads a table's description from the start of `bytes`, and tells how many bytes it takes. */
export function readFseTable(bytes: Uint8Array, limits: FseLimits): { table: FseTable; length: number } {
  const reader = new CountReader(bytes);
  const log = reader.read(4) + 5;
  if (log > limits.logMax) throw badFrame(`an entropy table of ${log} bits`);
  const counts = readCounts(reader, log, limits.symbolMax);
  const length = Math.ceil(reader.position / 8);
  if (length > bytes.length) throw badFrame("an entropy table is cut off");
  return { table: buildFseTable(counts, log), length };
}

function readCounts(reader: CountReader, log: number, symbolMax: number): number[] {
  const counts: number[] = [];
  let left = 2 ** log;
  while (left > 0) {
    const count = reader.count(left);
    counts.push(count);
    left -= Math.abs(count);
    if (count === 0) {
      for (let zeros = 3; zeros === 3; ) {
        zeros = reader.read(2);
        counts.push(...new Array<number>(zeros).fill(0));
        if (counts.length > symbolMax) throw badFrame("an entropy table has too many symbols");
      }
    }
    if (counts.length > symbolMax + 1) throw badFrame("an entropy table has too many symbols");
  }
  return counts;
}

/** Bits from the start on, lowest first. What lies behind the end reads as zero, and is noticed by `position`. */
class CountReader {
  position = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  read(count: number): number {
    const value = this.#peek(count);
    this.position += count;
    return value;
  }

  /** A count from -1 to `left`, stored in as few bits as tell them apart: small ones take one bit less. */
  count(left: number): number {
    const values = left + 2;
    const bits = 32 - Math.clz32(values - 1);
    const short = 2 ** bits - values;
    const low = this.#peek(bits - 1);
    if (low < short) {
      this.position += bits - 1;
      return low - 1;
    }
    const value = this.read(bits);
    return (value >= 2 ** (bits - 1) ? value - short : value) - 1;
  }

  #peek(count: number): number {
    const at = this.position >> 3;
    const [a = 0, b = 0, c = 0] = this.#bytes.subarray(at, at + 3);
    return ((a | (b << 8) | (c << 16)) >>> (this.position & 7)) & ((1 << count) - 1);
  }
}
