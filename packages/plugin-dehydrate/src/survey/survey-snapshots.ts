// The snapshot table. Owns how far it is read: entry by entry, as long as they make sense; only their bytes are kept, since
// what lies between them need not be the table's.

import {
  decodeSnapshotEntry,
  FormatError,
  type Header,
  L1_TABLE_ENTRIES_MAX,
  SNAPSHOTS_MAX,
  type Snapshot,
} from "@qcow/format";
import type { ImageFile } from "./image-file.js";
import type { Kept } from "./kept.js";
import type { Notes } from "./notes.js";
import type { Scrub } from "./scrub.js";
import type { Table } from "./survey-tables.js";

const PIECE_BYTES = 64 * 1024;
const FIXED_BYTES = 40;
/** Extra data with a meaning: VM state size, disk size, instruction count. */
const KNOWN_EXTRA_BYTES = 24;

/** Keeps the snapshot table; gives the L1 tables of the snapshots. */
export async function surveySnapshots(
  file: ImageFile,
  header: Header,
  kept: Kept,
  notes: Notes,
  scrub: Scrub | undefined,
): Promise<Table[]> {
  const tables: Table[] = [];
  const count = Math.min(header.nbSnapshots, SNAPSHOTS_MAX);
  if (count === 0) return tables;
  const base = Number(header.snapshotsOffset);
  if (base === 0 || base % kept.clusterSize !== 0 || base >= file.size) {
    notes.add("the snapshot table is not where one can be, and is left out");
    return tables;
  }
  let piece: Uint8Array = new Uint8Array(0);
  let pieceStart = 0;
  let length = 0;
  for (let index = 0; index < count; ) {
    const entry = decode(piece, length - pieceStart, index, notes);
    if (entry === undefined) {
      keepHead(piece.subarray(length - pieceStart), base + length, kept);
      break;
    }
    if ("needs" in entry) {
      pieceStart = length;
      piece = await file.read(base + pieceStart, Math.max(entry.needs, PIECE_BYTES));
      if (piece.length >= entry.needs) continue;
      notes.add("the snapshot table runs past the end of the file");
      keepHead(piece, base + length, kept);
      break;
    }
    if (!looksLikeOne(entry.snapshot, kept)) {
      notes.add("the snapshot table has fewer entries than the header says");
      break;
    }
    const offset = base + length;
    keepEntry(entry.snapshot, offset, kept, scrub);
    tables.push({
      kind: "l1",
      offset: Number(entry.snapshot.l1TableOffset),
      length: entry.snapshot.l1Size * 8,
      what: "the L1 table of a snapshot",
    });
    length = pieceStart + entry.nextOffset;
    index++;
  }
  return tables;
}

function decode(
  piece: Uint8Array,
  offset: number,
  index: number,
  notes: Notes,
): ReturnType<typeof decodeSnapshotEntry> | undefined {
  try {
    return decodeSnapshotEntry(piece, offset, index);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    notes.add(`the snapshot table makes no sense from some entry on: ${error.message}`);
    return undefined;
  }
}

/** What follows behind the last entry may be anybody's, and is told from entries by where their L1 tables are said to be. */
function looksLikeOne({ l1TableOffset, l1Size, idBytes }: Snapshot, { clusterSize }: Kept): boolean {
  if (l1TableOffset === 0n) return idBytes.length > 0;
  return l1TableOffset % BigInt(clusterSize) === 0n || l1Size <= L1_TABLE_ENTRIES_MAX;
}

/** Keeps the fixed part of an entry whose lengths make no sense, if the rest of it does. */
function keepHead(bytes: Uint8Array, offset: number, kept: Kept): void {
  if (bytes.length < FIXED_BYTES) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset, FIXED_BYTES);
  const l1Offset = view.getBigUint64(0);
  const isAligned = l1Offset > 0n && l1Offset % BigInt(kept.clusterSize) === 0n;
  if (isAligned && view.getUint32(8) <= L1_TABLE_ENTRIES_MAX) kept.keep(offset, FIXED_BYTES, "plain");
}

function keepEntry(snapshot: Snapshot, offset: number, kept: Kept, scrub: Scrub | undefined): void {
  const { idBytes, nameBytes, extraData } = snapshot;
  const idAt = offset + FIXED_BYTES + extraData.length;
  const nameAt = idAt + idBytes.length;
  kept.keep(offset, nameAt + nameBytes.length - offset, "plain");
  if (scrub === undefined) return;
  kept.patch(idAt, scrub.numbered("", idBytes));
  kept.patch(nameAt, scrub.numbered("snapshot", nameBytes));
  const unknown = extraData.length - KNOWN_EXTRA_BYTES;
  if (unknown > 0) kept.patch(offset + FIXED_BYTES + KNOWN_EXTRA_BYTES, new Uint8Array(unknown));
}
