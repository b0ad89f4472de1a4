// The tables that name clusters: the refcount table, L1 tables, bitmap tables. Owns which of their entries are followed;
// the others are noted.

import {
  bitmapTableEntryOffset,
  L1_TABLE_BYTES_MAX,
  l1EntryOffset,
  REFCOUNT_TABLE_BYTES_MAX,
  refcountTableEntryOffset,
} from "@qcow/format";
import type { ClusterList } from "./cluster-list.js";
import type { ImageFile, Place } from "./image-file.js";
import type { Kept, KeptKind } from "./kept.js";
import type { Notes } from "./notes.js";

const ENTRY_BYTES = 8;

/** A table to follow. */
export interface Table extends Place {
  readonly kind: Exclude<KeptKind, "plain">;
  /** What notes call it. */
  readonly what: string;
}

const RULES = {
  l1: { bytesMax: L1_TABLE_BYTES_MAX, offset: l1EntryOffset, list: "l2Tables", names: "an L2 table" },
  "refcount-table": {
    bytesMax: REFCOUNT_TABLE_BYTES_MAX,
    offset: (high: number, low: number) => refcountTableEntryOffset(high, low),
    list: "refcountBlocks",
    names: "a refcount block",
  },
  "bitmap-table": {
    bytesMax: 2 ** 30,
    offset: bitmapTableEntryOffset,
    list: "bitmapData",
    names: "bitmap data",
  },
} as const;

/**
 * Keeps `tables`, each place once, and all clusters that they name. Tables of a sound image do not overlap, so together they
 * are no longer than the file: further ones are noted and left out, which bounds the work.
 */
export async function surveyTables(
  file: ImageFile,
  tables: readonly Table[],
  kept: Kept,
  notes: Notes,
): Promise<void> {
  const selected = select(file, tables, kept, notes);
  for (const { offset, length, kind } of selected) kept.keep(offset, length, kind);
  await file.readAll(selected, (bytes, _offset, index) => {
    follow(bytes, selected[index] as Table, kept, notes);
  });
}

function select(file: ImageFile, tables: readonly Table[], kept: Kept, notes: Notes): Table[] {
  const seen = new Set<string>();
  const selected: Table[] = [];
  let bytesLeft = file.size + kept.clusterSize;
  for (const table of tables) {
    const { offset, length, kind, what } = table;
    const key = `${kind} ${offset} ${length}`;
    if (length === 0 || seen.has(key)) continue;
    seen.add(key);
    const { bytesMax } = RULES[kind];
    const available = file.available({ offset, length: Math.min(length, bytesMax) });
    bytesLeft -= available;
    if (!Number.isSafeInteger(offset) || offset % kept.clusterSize !== 0 || offset === 0)
      notes.add(`${what} is not where a table can be, and is left out`);
    else if (bytesLeft < 0) notes.add(`${what} overlaps other tables, and is left out`);
    else {
      if (length > bytesMax) notes.add(`${what} is longer than a table may be, and is cut`);
      // The rest of the last cluster need not be there.
      else if (offset + length > Math.ceil(file.size / kept.clusterSize) * kept.clusterSize)
        notes.add(`${what} lies past the end of the file, or ends there`);
      if (available > 0) selected.push({ ...table, length: available });
    }
  }
  return selected;
}

function follow(bytes: Uint8Array, { kind, what }: Table, kept: Kept, notes: Notes): void {
  const { offset: offsetOf, list, names } = RULES[kind];
  const clusters: ClusterList = kept[list];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
    const offset = offsetOf(view.getUint32(at), view.getUint32(at + 4));
    if (offset === 0) continue;
    if (kept.isCluster(offset)) clusters.add(offset / kept.clusterSize);
    else notes.add(`${what} names ${names} where none can be`);
  }
}
