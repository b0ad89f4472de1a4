// The literals of a block (RFC 8878, 3.1.1.3.1): bytes that sequences take from. Owns the section's header and the
// bound on its size.

import { decodeHuffman, decodeHuffman4, type HuffmanTable, readHuffmanTable } from "./huffman.js";
import { badFrame } from "./zstd-error.js";

/** What no block yields more than. */
export const BLOCK_BYTES_MAX = 128 * 1024;

const RAW = 0;
const REPEATED = 1;
const WITH_TREE = 2;

export interface Literals {
  readonly bytes: Uint8Array;
  /** Bytes of the block that the section takes. */
  readonly length: number;
  /** What a later block may use again. */
  readonly tree: HuffmanTable | undefined;
}

/** Reads the section at the start of `block`; `tree` is that of the blocks before. */
export function readLiterals(block: Uint8Array, tree: HuffmanTable | undefined): Literals {
  const [head = 0] = block;
  const type = head & 3;
  const format = (head >> 2) & 3;
  return type === RAW || type === REPEATED
    ? readPlain(block, type, format, tree)
    : readCompressed(block, type, format, tree);
}

function readPlain(
  block: Uint8Array,
  type: number,
  format: number,
  tree: HuffmanTable | undefined,
): Literals {
  const headBytes = format === 1 ? 2 : format === 3 ? 3 : 1;
  const size = unsigned(block, headBytes) >>> (headBytes === 1 ? 3 : 4);
  const length = headBytes + (type === RAW ? size : 1);
  if (length > block.length || size > BLOCK_BYTES_MAX) throw badFrame("literals are cut off");
  const bytes =
    type === RAW ? block.subarray(headBytes, length) : new Uint8Array(size).fill(block[headBytes] as number);
  return { bytes, length, tree };
}

function readCompressed(
  block: Uint8Array,
  type: number,
  format: number,
  before: HuffmanTable | undefined,
): Literals {
  const sizeBits = [10, 10, 14, 18][format] as number;
  const headBytes = [3, 3, 4, 5][format] as number;
  const head = Math.floor(unsigned(block, headBytes) / 16);
  const size = head % 2 ** sizeBits;
  const length = headBytes + Math.floor(head / 2 ** sizeBits);
  if (length > block.length || size > BLOCK_BYTES_MAX) throw badFrame("literals are cut off");
  let body = block.subarray(headBytes, length);
  let tree = before;
  if (type === WITH_TREE) {
    const read = readHuffmanTable(body);
    tree = read.table;
    body = body.subarray(read.length);
  }
  if (tree === undefined) throw badFrame("literals use a Huffman tree that was never sent");
  const bytes = new Uint8Array(size);
  if (format === 0) decodeHuffman(tree, body, bytes);
  else decodeHuffman4(tree, body, bytes);
  return { bytes, length, tree };
}

/** The first `count` bytes, at most 5, as a little-endian number. */
function unsigned(bytes: Uint8Array, count: number): number {
  let value = 0;
  for (let at = count - 1; at >= 0; at -= 1) value = value * 256 + (bytes[at] ?? 0);
  return value;
}
