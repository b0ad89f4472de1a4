// Decodes a zstd frame (RFC 8878). Owns the frame's header and its blocks. In plain JavaScript, since pages with a strict
// policy may not compile WebAssembly; and with bounds at every step: a frame costs time in proportion to its own length and
// the target's, whatever it claims.

import type { HuffmanTable } from "./huffman.js";
import { BLOCK_BYTES_MAX, readLiterals } from "./literals.js";
import { Output } from "./output.js";
import { executeSequences, type SequenceState } from "./sequences.js";
import { badFrame } from "./zstd-error.js";

const BLOCK_HEADER_BYTES = 3;
const RAW = 0;
const REPEATED = 1;

/**
 * Fills `target` from `frame`, which `findZstdFrame` found, or throws `BACKEND_BAD_STREAM`. A checksum at its end is not
 * verified.
 */
export function unzstd(frame: Uint8Array, target: Uint8Array): void {
  const output = new Output(target);
  const state: FrameState = { tree: undefined, sequences: { tables: undefined, recent: [1, 4, 8] } };
  let at = headerBytes(frame);
  for (let isLast = false; !isLast; ) {
    const [a = 0, b = 0, c = 0] = frame.subarray(at, at + BLOCK_HEADER_BYTES);
    const header = a | (b << 8) | (c << 16);
    const type = (header >> 1) & 3;
    const size = header >> 3;
    at += BLOCK_HEADER_BYTES;
    const stored = type === REPEATED ? 1 : size;
    const block = frame.subarray(at, at + stored);
    if (block.length < stored) throw badFrame("the frame is cut off");
    if (type === RAW) output.append(block);
    else if (type === REPEATED) output.fill(block[0] as number, size);
    else decodeBlock(block, state, output);
    at += stored;
    isLast = (header & 1) !== 0;
  }
  if (output.length !== target.length) {
    throw badFrame(`yields ${output.length} bytes instead of ${target.length}`);
  }
}

/** What blocks hand on to the next one. */
interface FrameState {
  tree: HuffmanTable | undefined;
  readonly sequences: SequenceState;
}

function decodeBlock(block: Uint8Array, state: FrameState, output: Output): void {
  if (block.length > BLOCK_BYTES_MAX) throw badFrame("a block is too long");
  const literals = readLiterals(block, state.tree);
  state.tree = literals.tree;
  executeSequences(block.subarray(literals.length), literals.bytes, state.sequences, output);
}

/** Length of magic number and header (3.1.1.1), whose claims were checked before. */
function headerBytes(frame: Uint8Array): number {
  const descriptor = frame[4] ?? 0;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const contentFlag = descriptor >> 6;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] as number;
  const contentBytes = contentFlag === 0 ? (isSingleSegment ? 1 : 0) : 2 ** contentFlag;
  return 5 + (isSingleSegment ? 0 : 1) + dictionaryBytes + contentBytes;
}
