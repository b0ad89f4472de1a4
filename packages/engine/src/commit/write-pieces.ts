// Writes pieces of tables: sorted, neighbours together, several at once. Owns no order between pieces: whoever needs
// one piece to be in the file before another calls twice, with a flush between.

import type { BlockBackend } from "@qcow/block";
import type { DirtyPiece } from "../tables/dirty-table.js";

/** Most bytes of pieces that are joined into one write. */
const WRITE_BYTES_MAX = 2 * 1024 * 1024;
const WRITES_IN_FLIGHT = 8;

/** Writes all of `pieces`, which do not overlap, neighbours together. Rejects as `writeAll` does. */
export function writePieces(backend: BlockBackend, pieces: readonly DirtyPiece[]): Promise<void> {
  return writeAll(backend, joinPieces(pieces));
}

/** Makes all of `writes`, several at once. Rejects with the first failure, once nothing is under way any more. */
export async function writeAll(backend: BlockBackend, writes: readonly DirtyPiece[]): Promise<void> {
  if (writes.length === 1) {
    const only = writes[0] as DirtyPiece;
    return await backend.write(only.offset, only.bytes);
  }
  let next = 0;
  let failed = false;
  const worker = async (): Promise<void> => {
    for (let write = writes[next++]; write !== undefined && !failed; write = writes[next++]) {
      try {
        await backend.write(write.offset, write.bytes);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const workers = Array.from({ length: Math.min(WRITES_IN_FLIGHT, writes.length) }, worker);
  for (const result of await Promise.allSettled(workers))
    if (result.status === "rejected") throw result.reason;
}

/** The same bytes in as few writes as their places allow. Pure. */
export function joinPieces(pieces: readonly DirtyPiece[]): DirtyPiece[] {
  const sorted = [...pieces].sort((a, b) => a.offset - b.offset);
  const writes: DirtyPiece[] = [];
  for (let index = 0; index < sorted.length; ) {
    const first = sorted[index] as DirtyPiece;
    let length = first.bytes.byteLength;
    let end = index + 1;
    for (let next = sorted[end]; next !== undefined; next = sorted[++end]) {
      if (next.offset !== first.offset + length || length + next.bytes.byteLength > WRITE_BYTES_MAX) break;
      length += next.bytes.byteLength;
    }
    writes.push(
      end === index + 1 ? first : { offset: first.offset, bytes: joined(sorted, index, end, length) },
    );
    index = end;
  }
  return writes;
}

function joined(pieces: readonly DirtyPiece[], from: number, to: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (let index = from; index < to; index++) {
    const piece = pieces[index] as DirtyPiece;
    bytes.set(piece.bytes, at);
    at += piece.bytes.byteLength;
  }
  return bytes;
}
