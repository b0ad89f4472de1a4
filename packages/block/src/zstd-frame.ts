// Finds the zstd frame in a compressed cluster, by its headers alone (RFC 8878, 3.1). Decoders reject
// bytes after the frame, and a cluster's last sector is padded. Owns the bounds on what a frame may
// claim; decompresses nothing.

import { BackendError } from "./backend-error.js";

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const BLOCK_HEADER_BYTES = 3;
const CHECKSUM_BYTES = 4;
const RLE_BLOCK = 1;
const RESERVED_BLOCK = 3;

/** A decoder reserves the window a frame asks for; more than this, or than the output, is not for a cluster. */
const WINDOW_BYTES_MAX = 8 * 1024 * 1024;

/**
 * The first zstd frame of `source`, from its magic number to its end; skippable frames before it are skipped.
 * Throws `BACKEND_BAD_STREAM` when there is none, when it is cut off, needs a dictionary, declares a content
 * size other than `length` bytes, or a window of more than 8 MiB and more than `length`.
 */
export function findZstdFrame(source: Uint8Array, length: number): Uint8Array {
  const cursor = new Cursor(source);
  skipSkippableFrames(cursor);
  const start = cursor.position;
  if (cursor.unsigned(4) !== FRAME_MAGIC) throw badFrame("no zstd frame");
  const hasChecksum = readFrameHeader(cursor, length);
  skipBlocks(cursor);
  if (hasChecksum) cursor.skip(CHECKSUM_BYTES);
  return source.subarray(start, cursor.position);
}

function skipSkippableFrames(cursor: Cursor): void {
  while ((cursor.peek32() & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
    cursor.skip(4);
    cursor.skip(cursor.unsigned(4));
  }
}

/** Reads the frame header (3.1.1.1), checks its claims, and tells whether a checksum follows the blocks. */
function readFrameHeader(cursor: Cursor, length: number): boolean {
  const descriptor = cursor.unsigned(1);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  if ((descriptor & 0x08) !== 0) throw badFrame("reserved bit set in the frame header");
  if (!isSingleSegment) checkWindow(cursor.unsigned(1), length);
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  if (cursor.unsigned(dictionaryBytes) !== 0) throw badFrame("needs a dictionary");
  const contentSize = readContentSize(cursor, descriptor >> 6, isSingleSegment);
  if (contentSize !== undefined && contentSize !== length) {
    throw badFrame(`declares ${contentSize} bytes where ${length} are due`);
  }
  return (descriptor & 0x04) !== 0;
}

/** The window (3.1.1.1.2): a power of two from 1 KiB on, and eighths of it. */
function checkWindow(descriptor: number, length: number): void {
  const base = 2 ** (10 + (descriptor >> 3));
  const window = base + (base / 8) * (descriptor & 7);
  if (window > Math.max(length, WINDOW_BYTES_MAX)) throw badFrame(`asks for a window of ${window} bytes`);
}

/** The content size (3.1.1.1.4), which writers that stream leave out. */
function readContentSize(cursor: Cursor, flag: number, isSingleSegment: boolean): number | undefined {
  if (flag === 0) return isSingleSegment ? cursor.unsigned(1) : undefined;
  // The two-byte form counts from 256, as the one-byte form reaches up to there.
  return flag === 1 ? cursor.unsigned(2) + 256 : cursor.unsigned(2 ** flag);
}

/** Skips the data blocks (3.1.1.2) by their headers, the last one included. */
function skipBlocks(cursor: Cursor): void {
  for (let isLast = false; !isLast; ) {
    const header = cursor.unsigned(BLOCK_HEADER_BYTES);
    const type = (header >> 1) & 3;
    if (type === RESERVED_BLOCK) throw badFrame("reserved block type");
    cursor.skip(type === RLE_BLOCK ? 1 : header >>> 3);
    isLast = (header & 1) !== 0;
  }
}

/** A position in bytes that never passes their end. */
class Cursor {
  position = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  skip(count: number): void {
    if (count > this.#bytes.length - this.position) throw badFrame("the frame is cut off");
    this.position += count;
  }

  /** The next `count` bytes as an unsigned little-endian number; inexact past 2^53, which no check lets pass. */
  unsigned(count: number): number {
    const start = this.position;
    this.skip(count);
    let value = 0;
    for (let index = this.position - 1; index >= start; index -= 1) {
      value = value * 256 + (this.#bytes[index] ?? 0);
    }
    return value;
  }

  /** The next four bytes without moving on; 0 when there are fewer. */
  peek32(): number {
    if (this.#bytes.length - this.position < 4) return 0;
    const value = this.unsigned(4);
    this.position -= 4;
    return value;
  }
}

function badFrame(reason: string): BackendError {
  return new BackendError("BACKEND_BAD_STREAM", `zstd: ${reason}`);
}
