// Reads the snapshot table, whose length is known only once it is decoded: piece by piece, never more than
// the file has.

import type { IoOptions, ReadableBlockBackend } from "@qcow/block";
import {
  decodeSnapshotEntry,
  FormatError,
  type Header,
  SNAPSHOT_TABLE_BYTES_MAX,
  type Snapshot,
  toSafeNumber,
} from "@qcow/format";
import { readAvailable } from "./read-available.js";

const PIECE_BYTES = 64 * 1024;

export interface SnapshotTable {
  readonly snapshots: readonly Snapshot[];
  /** Length of the table in bytes. */
  readonly length: number;
}

/** The snapshot table that `header` names. Rejects with a `FormatError` when it is damaged or cut short. */
export async function readSnapshotTable(
  backend: ReadableBlockBackend,
  header: Header,
  fileSize: number,
  options: IoOptions = {},
): Promise<SnapshotTable> {
  const place = { structure: "header", field: "snapshots_offset", offset: 64 };
  const base = header.nbSnapshots === 0 ? 0 : toSafeNumber(header.snapshotsOffset, place);
  // A file may end within its last cluster, whose rest reads as zero.
  const clusterSize = 2 ** header.clusterBits;
  const paddedSize = Math.ceil(fileSize / clusterSize) * clusterSize;
  const snapshots: Snapshot[] = [];
  let piece: Uint8Array = new Uint8Array(0);
  let pieceStart = 0;
  let length = 0;
  while (snapshots.length < header.nbSnapshots) {
    const index = snapshots.length;
    const entry = decodeSnapshotEntry(piece, length - pieceStart, index);
    if ("needs" in entry) {
      if (base + length + entry.needs > paddedSize) throw cutShort(index, entry.needs);
      if (length + entry.needs > SNAPSHOT_TABLE_BYTES_MAX) throw tooLong(index);
      pieceStart = length;
      const wanted = Math.max(entry.needs, PIECE_BYTES);
      const bytes = await readAvailable(backend, base + pieceStart, wanted, fileSize, options);
      piece = bytes.byteLength >= entry.needs ? bytes : padTo(bytes, entry.needs);
    } else {
      snapshots.push(entry.snapshot);
      length = pieceStart + entry.nextOffset;
    }
  }
  return { snapshots, length };
}

// The decoder sees one piece and cannot know how long the whole is.
function tooLong(index: number): FormatError {
  const problem = `the table is longer than ${SNAPSHOT_TABLE_BYTES_MAX} bytes`;
  return new FormatError("QCOW2_LIMIT_EXCEEDED", problem, { structure: `snapshot table entry ${index}` });
}

function padTo(bytes: Uint8Array, length: number): Uint8Array {
  const padded = new Uint8Array(length);
  padded.set(bytes);
  return padded;
}

function cutShort(index: number, needs: number): FormatError {
  return new FormatError("QCOW2_TRUNCATED", `the entry needs ${needs} bytes, which the file does not have`, {
    structure: `snapshot table entry ${index}`,
  });
}
