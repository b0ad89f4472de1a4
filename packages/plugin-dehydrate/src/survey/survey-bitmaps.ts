// The bitmap directory. Owns how far it is read: entry by entry, as long as they fit in; only their bytes are kept. What the
// bitmaps say (which parts of the disk were written) is metadata and is kept too.

import {
  BITMAP_DIRECTORY_BYTES_MAX,
  BITMAP_GRANULARITY_BITS_MAX,
  BITMAP_GRANULARITY_BITS_MIN,
  BITMAP_TYPE_DIRTY_TRACKING,
  type Header,
  hasBitmapsAutoclear,
  padTo8,
} from "@qcow/format";
import type { ImageFile } from "./image-file.js";
import type { Kept } from "./kept.js";
import type { Notes } from "./notes.js";
import type { Scrub } from "./scrub.js";
import type { Table } from "./survey-tables.js";

const FIXED_BYTES = 24;

/** Keeps the directory that the extension names; gives the tables of the bitmaps. */
export async function surveyBitmaps(
  file: ImageFile,
  header: Header,
  extension: DataView,
  kept: Kept,
  notes: Notes,
  scrub: Scrub | undefined,
): Promise<Table[]> {
  if (!hasBitmapsAutoclear(header)) {
    // Whatever lies there now may be the guest's.
    notes.add("the bitmaps are stale, as the header says, and are left out");
    return [];
  }
  const count = extension.getUint32(0);
  const size = Number(extension.getBigUint64(8));
  const offset = Number(extension.getBigUint64(16));
  if (!kept.isCluster(offset) || size > BITMAP_DIRECTORY_BYTES_MAX) {
    notes.add("the bitmap directory is not where one can be, and is left out");
    return [];
  }
  const bytes = await file.read(offset, size);
  const view = new DataView(bytes.buffer);
  const entries = [...directoryEntries(view, count, kept.clusterSize)];
  if (entries.length < count || bytes.length < size) {
    notes.add("the bitmap directory is cut short, or makes no sense from some entry on");
    const at = entries.at(-1)?.end ?? 0;
    // Its fixed part, if only its lengths make no sense.
    if (looksLikeOne(view, at, kept.clusterSize)) kept.keep(offset + at, FIXED_BYTES, "plain");
  }
  for (const entry of entries) keepEntry(bytes, offset, entry, kept, scrub);
  return entries.map(({ tableOffset, tableBytes }) => ({
    kind: "bitmap-table",
    offset: tableOffset,
    length: tableBytes,
    what: "the table of a bitmap",
  }));
}

interface DirectoryEntry {
  /** Of the entry in the directory. */
  readonly at: number;
  readonly tableOffset: number;
  readonly tableBytes: number;
  readonly extraBytes: number;
  readonly nameBytes: number;
  /** Where the next one begins. */
  readonly end: number;
}

function* directoryEntries(view: DataView, count: number, clusterSize: number): Generator<DirectoryEntry> {
  let at = 0;
  for (let index = 0; index < count && looksLikeOne(view, at, clusterSize); index++) {
    const extraBytes = view.getUint32(at + 20);
    const nameBytes = view.getUint16(at + 18);
    const length = FIXED_BYTES + extraBytes + nameBytes;
    if (at + length > view.byteLength) return;
    const tableOffset = Number(view.getBigUint64(at));
    const end = at + padTo8(length);
    yield { at, tableOffset, tableBytes: view.getUint32(at + 8) * 8, extraBytes, nameBytes, end };
    at = end;
  }
}

/** Whether an entry can begin at `at`: its table lies where one can, or type and granularity are what there is. */
function looksLikeOne(view: DataView, at: number, clusterSize: number): boolean {
  if (at + FIXED_BYTES > view.byteLength) return false;
  const tableOffset = view.getBigUint64(at);
  const granularity = view.getUint8(at + 17);
  const isTyped =
    view.getUint8(at + 16) === BITMAP_TYPE_DIRTY_TRACKING &&
    granularity >= BITMAP_GRANULARITY_BITS_MIN &&
    granularity <= BITMAP_GRANULARITY_BITS_MAX;
  return isTyped || (tableOffset > 0n && tableOffset % BigInt(clusterSize) === 0n);
}

function keepEntry(
  directory: Uint8Array,
  base: number,
  { at, extraBytes, nameBytes }: DirectoryEntry,
  kept: Kept,
  scrub: Scrub | undefined,
): void {
  const nameAt = at + FIXED_BYTES + extraBytes;
  kept.keep(base + at, FIXED_BYTES + extraBytes + nameBytes, "plain");
  if (scrub === undefined) return;
  kept.patch(base + at + FIXED_BYTES, new Uint8Array(extraBytes));
  kept.patch(base + nameAt, scrub.numbered("bitmap", directory.subarray(nameAt, nameAt + nameBytes)));
}
