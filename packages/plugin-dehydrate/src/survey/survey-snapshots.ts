// The snapshot table. Owns how far it is read: entry by entry, as long as they make sense; only their bytes are kept, since
// what lies between them need not be the table's.

import { decodeSnapshotEntry, FormatError, type Header, SNAPSHOTS_MAX, type Snapshot } from "@qcow/format";
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
    if (entry === undefined) break;
    if ("needs" in entry) {
      pieceStart = length;
      piece = await file.read(base + pieceStart, Math.max(entry.needs, PIECE_BYTES));
      if (piece.length < entry.needs) {
        notes.add("the snapshot table runs past the end of the file");
        break;
      }
      continue;
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
