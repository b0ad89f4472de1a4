// Huffman trees of literals (RFC 8878, 4.2): read from a block, and streams decoded with them.

import { nextState, readFseTable } from "./fse.js";
import { ReverseBits } from "./reverse-bits.js";
import { badFrame } from "./zstd-error.js";

const CODE_BITS_MAX = 11;
const WEIGHTS_MAX = 255;
const WEIGHT_LIMITS = { logMax: 6, symbolMax: CODE_BITS_MAX };

/** Per value of the next `bits` bits: the symbol, and above it the number of bits of its code. */
export interface HuffmanTable {
  readonly bits: number;
  readonly entries: Uint16Array;
}

/** Reads a tree's description from the start of `bytes`, and tells how many bytes it takes. */
export function readHuffmanTable(bytes: Uint8Array): { table: HuffmanTable; length: number } {
  const [head = 0] = bytes;
  const isPlain = head >= 128;
  const length = 1 + (isPlain ? Math.ceil((head - 127) / 2) : head);
  if (length > bytes.length) throw badFrame("a Huffman tree is cut off");
  const body = bytes.subarray(1, length);
  const weights = isPlain ? plainWeights(body, head - 127) : compressedWeights(body);
  return { table: buildTable(weights), length };
}

function plainWeights(bytes: Uint8Array, count: number): number[] {
  return Array.from({ length: count }, (_, at) => {
    const pair = bytes[at >> 1] as number;
    return at % 2 === 0 ? pair >> 4 : pair & 15;
  });
}

/** Two states take turns until the bits run out; then each has a last symbol. */
function compressedWeights(bytes: Uint8Array): number[] {
  const { table, length } = readFseTable(bytes, WEIGHT_LIMITS);
  const stream = new ReverseBits(bytes.subarray(length));
  let state = stream.read(table.log);
  let other = stream.read(table.log);
  if (stream.left < 0) throw badFrame("a Huffman tree is cut off");
  const weights: number[] = [];
  while (weights.length < WEIGHTS_MAX) {
    weights.push(table.symbol[state] as number);
    const next = nextState(table, state, stream);
    if (stream.left < 0) {
      weights.push(table.symbol[other] as number);
      return weights;
    }
    state = other;
    other = next;
  }
  throw badFrame("a Huffman tree has too many symbols");
}

/** The last symbol's weight is not stored: it is what makes the sum a power of 2. */
function buildTable(stored: readonly number[]): HuffmanTable {
  const sum = stored.reduce((total, weight) => total + sizeOf(weight), 0);
  const bits = 32 - Math.clz32(sum);
  const missing = 2 ** bits - sum;
  if (sum === 0 || bits > CODE_BITS_MAX || (missing & (missing - 1)) !== 0 || stored.length > WEIGHTS_MAX) {
    throw badFrame("a Huffman tree is none");
  }
  const weights = [...stored, 32 - Math.clz32(missing)];
  const entries = new Uint16Array(2 ** bits);
  let at = 0;
  for (let weight = 1; weight <= bits; weight += 1) {
    weights.forEach((own, symbol) => {
      if (own !== weight) return;
      entries.fill(symbol | ((bits + 1 - weight) << 8), at, at + sizeOf(weight));
      at += sizeOf(weight);
    });
  }
  return { bits, entries };
}

/** How many entries a symbol of this weight has. */
function sizeOf(weight: number): number {
  return weight === 0 ? 0 : 2 ** (weight - 1);
}

/** Fills `target` from `bytes`, which must hold exactly that. */
export function decodeHuffman(table: HuffmanTable, bytes: Uint8Array, target: Uint8Array): void {
  const stream = new ReverseBits(bytes);
  const { bits, entries } = table;
  for (let at = 0; at < target.length; at += 1) {
    const entry = entries[stream.peek(bits)] as number;
    stream.left -= entry >> 8;
    target[at] = entry & 0xff;
    if (stream.left < 0) break;
  }
  if (stream.left !== 0) throw badFrame("literals do not have the length that they should");
}

/** The same from four streams, each with a quarter of the target (4.2.2); a table of their lengths comes first. */
export function decodeHuffman4(table: HuffmanTable, bytes: Uint8Array, target: Uint8Array): void {
  const quarter = Math.ceil(target.length / 4);
  if (bytes.length < 6 || quarter * 3 > target.length) throw badFrame("literals are cut off");
  let start = 6;
  for (let nth = 0; nth < 4; nth += 1) {
    const length = (bytes[nth * 2] as number) | ((bytes[nth * 2 + 1] as number) << 8);
    const end = nth === 3 ? bytes.length : start + length;
    if (end > bytes.length) throw badFrame("literals are cut off");
    decodeHuffman(
      table,
      bytes.subarray(start, end),
      target.subarray(nth * quarter, Math.min((nth + 1) * quarter, target.length)),
    );
    start = end;
  }
}
