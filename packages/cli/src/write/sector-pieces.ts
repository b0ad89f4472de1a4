// Cuts a stream of bytes into the pieces in which it is written: large, aligned, and padded with zeros to a whole sector at
// the end. Owns the buffer; where bytes come from and go to is the command's business.

const SECTOR_BYTES = 512;
/** Bytes of a piece, which ends where a multiple of it ends on the disk. */
export const PIECE_BYTES = 1024 * 1024;

export interface Piece {
  /** Guest offset in bytes. */
  readonly offset: number;
  /** Valid until the next piece is asked for. */
  readonly bytes: Uint8Array;
}

/** The pieces of `source`, which goes to guest offset `offset`. A source of nothing has no pieces. */
export async function* sectorPieces(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  offset: number,
): AsyncGenerator<Piece, void, void> {
  const buffer = new Uint8Array(PIECE_BYTES);
  let start = offset;
  let filled = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.byteLength; ) {
      const room = PIECE_BYTES - (start % PIECE_BYTES) - filled;
      const part = chunk.subarray(at, at + room);
      buffer.set(part, filled);
      filled += part.byteLength;
      at += part.byteLength;
      if (part.byteLength < room) continue;
      yield { offset: start, bytes: buffer.subarray(0, filled) };
      start += filled;
      filled = 0;
    }
  }
  if (filled === 0) return;
  const end = paddedEnd(start, filled);
  buffer.fill(0, filled, end - start);
  yield { offset: start, bytes: buffer.subarray(0, end - start) };
}

/** Where the last sector ends that `length` bytes at `offset` reach. */
export function paddedEnd(offset: number, length: number): number {
  return length === 0 ? offset : Math.ceil((offset + length) / SECTOR_BYTES) * SECTOR_BYTES;
}
