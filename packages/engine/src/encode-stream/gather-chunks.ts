// Makes larger chunks of small ones: what takes them pays for each.

import { longBuffer } from "@qcow/block";

/** Bytes that small pieces are gathered to. */
const CHUNK_BYTES = 1024 * 1024;

/** `first`, then `second`. A chunk is valid until the next one is asked for. */
export async function* gathered(
  first: Iterable<Uint8Array>,
  second: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  const buffer = longBuffer(CHUNK_BYTES);
  let filled = 0;
  for (const piece of first) {
    if (filled + piece.byteLength > CHUNK_BYTES) {
      if (filled > 0) yield buffer.subarray(0, filled);
      filled = 0;
    }
    if (piece.byteLength > CHUNK_BYTES) yield piece;
    else {
      buffer.set(piece, filled);
      filled += piece.byteLength;
    }
  }
  for await (const piece of second) {
    if (filled > 0 && filled + piece.byteLength <= CHUNK_BYTES) {
      buffer.set(piece, filled);
      filled += piece.byteLength;
      continue;
    }
    if (filled > 0) yield buffer.subarray(0, filled);
    filled = 0;
    yield piece;
  }
  if (filled > 0) yield buffer.subarray(0, filled);
}
