// The stored ranges of a disk: extents with data, neighbours merged. Owns the merging and the search for
// zeros within stored ranges; what is stored is the engine's answer.

import type { IoOptions } from "@qcow/block";
import { interruptible } from "@qcow/cli-kit";
import { ExtentFlag, type Qcow2Reader } from "@qcow/engine";

/** A range of the guest's disk in bytes. */
export interface MappedRange {
  readonly offset: number;
  readonly length: number;
}

/** Pieces in which `withoutZeroes` looks for zeros. */
const PIECE_BYTES = 64 * 1024;

/** The ranges whose contents are stored, whether in the image or in a backing file, in order. */
export async function* mappedRanges(
  reader: Qcow2Reader,
  options: IoOptions,
): AsyncGenerator<MappedRange, void, void> {
  let offset = 0;
  let end = 0;
  for await (const batch of interruptible(reader.mapBatches({}, options))) {
    for (let index = 0; index < batch.count; index++) {
      if (((batch.flags[index] ?? 0) & ExtentFlag.data) === 0) continue;
      const start = batch.start[index] ?? 0;
      if (start !== end) {
        if (end > offset) yield { offset, length: end - offset };
        offset = start;
      }
      end = start + (batch.length[index] ?? 0);
    }
  }
  if (end > offset) yield { offset, length: end - offset };
}

/** `ranges` less the pieces of 64 KiB, counted from the start of the disk, whose stored contents are all zero. */
export async function* withoutZeroes(
  reader: Qcow2Reader,
  ranges: AsyncIterable<MappedRange>,
  options: IoOptions,
): AsyncGenerator<MappedRange, void, void> {
  for await (const range of ranges) {
    let offset = range.offset;
    let end = range.offset;
    for await (const piece of nonZeroPieces(reader, range, options)) {
      if (piece.offset !== end) {
        if (end > offset) yield { offset, length: end - offset };
        offset = piece.offset;
      }
      end = piece.offset + piece.length;
    }
    if (end > offset) yield { offset, length: end - offset };
  }
}

async function* nonZeroPieces(
  reader: Qcow2Reader,
  range: MappedRange,
  options: IoOptions,
): AsyncGenerator<MappedRange, void, void> {
  let offset = range.offset;
  for await (const chunk of interruptible(reader.chunks(range, options))) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let at = 0; at < bytes.length; ) {
      const length = Math.min(PIECE_BYTES - ((offset + at) % PIECE_BYTES), bytes.length - at);
      if (!isZero(bytes, at, length)) yield { offset: offset + at, length };
      at += length;
    }
    offset += bytes.length;
  }
}

const ZEROS = Buffer.alloc(PIECE_BYTES);

function isZero(bytes: Buffer, start: number, length: number): boolean {
  return bytes.compare(ZEROS, 0, length, start, start + length) === 0;
}
