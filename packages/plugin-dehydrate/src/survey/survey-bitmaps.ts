// The bitmap directory. Owns how far it is read: entry by entry, as long as they fit in; only their bytes are kept. What the
// bitmaps say (which parts of the disk were written) is metadata and is kept too.

import { BITMAP_DIRECTORY_BYTES_MAX, type Header, hasBitmapsAutoclear, padTo8 } from "@qcow/format";
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
  const entries = [...directoryEntries(new DataView(bytes.buffer), count)];
  if (entries.length < count || bytes.length < size)
    notes.add("the bitmap directory is cut short, or makes no sense from some entry on");
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
}

function* directoryEntries(view: DataView, count: number): Generator<DirectoryEntry> {
  let at = 0;
  for (let index = 0; index < count && at + FIXED_BYTES <= view.byteLength; index++) {
    const entry = {
      at,
      tableOffset: Number(view.getBigUint64(at)),
      tableBytes: view.getUint32(at + 8) * 8,
      extraBytes: view.getUint32(at + 20),
      nameBytes: view.getUint16(at + 18),
    };
    const length = FIXED_BYTES + entry.extraBytes + entry.nameBytes;
    if (at + length > view.byteLength) return;
    yield entry;
    at += padTo8(length);
  }
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
