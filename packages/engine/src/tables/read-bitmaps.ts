// Reads the bitmap directory and bitmap tables (specification: "Bitmaps"). Owns what of them must make
// sense for an image to be opened; the bits of the bitmaps themselves are not read.

import type { IoOptions, ReadableBlockBackend } from "@qcow/block";
import {
  type BitmapDirectoryEntry,
  type BitmapsExtension,
  checkBitmapTableEntry,
  decodeBitmapDirectory,
  decodeBitmapTableEntry,
  FormatError,
  findExtension,
  hasBitmapsAutoclear,
  printable,
  toSafeNumber,
} from "@qcow/format";
import type { ImageHead } from "../image-metadata.js";
import { readAvailable } from "./read-available.js";

const ENTRY_BYTES = 8;

/** The bitmaps extension, if the header says that it is to be trusted. */
export function validBitmapsExtension(head: ImageHead): BitmapsExtension | undefined {
  return hasBitmapsAutoclear(head.header) ? findExtension(head.extensions, "bitmaps") : undefined;
}

/** The bitmap directory; empty without a valid one. Rejects with a `FormatError` when it is damaged or cut short. */
export async function readBitmapDirectory(
  backend: ReadableBlockBackend,
  head: ImageHead,
  options: IoOptions = {},
): Promise<BitmapDirectoryEntry[]> {
  const extension = validBitmapsExtension(head);
  if (extension === undefined) return [];
  const place = { structure: "bitmaps extension", field: "bitmap_directory_offset" };
  const offset = toSafeNumber(extension.directoryOffset, place);
  const length = Number(extension.directorySize);
  const bytes = await readAvailable(backend, offset, length, head.fileSize, options);
  if (bytes.byteLength < length) {
    throw new FormatError("QCOW2_TRUNCATED", "the bitmap directory runs past the end of the file", place);
  }
  const { clusterSize, virtualSize } = head.geometry;
  return decodeBitmapDirectory(bytes, extension.count, { clusterSize, virtualSize });
}

/** The entries of the table of `bitmap`, as they lie in the file; those past its end are missing. */
export async function readBitmapTable(
  backend: ReadableBlockBackend,
  bitmap: BitmapDirectoryEntry,
  fileSize: number,
  options: IoOptions = {},
): Promise<DataView> {
  const place = { structure: `bitmap ${printable(bitmap.name)}`, field: "bitmap_table_offset" };
  const offset = toSafeNumber(bitmap.tableOffset, place);
  const bytes = await readAvailable(backend, offset, bitmap.tableSize * ENTRY_BYTES, fileSize, options);
  return new DataView(bytes.buffer);
}

/** A table, and how many bitmaps name it. */
export interface BitmapTableUse {
  readonly bitmap: BitmapDirectoryEntry;
  times: number;
}

/**
 * The tables of `bitmaps`, each once: an image that names one table 65,535 times costs one read of it. Tables
 * that are not the same do not overlap in a sound image, so together they are no longer than the file; otherwise
 * throws a `FormatError`.
 */
export function distinctTables(bitmaps: readonly BitmapDirectoryEntry[], head: ImageHead): BitmapTableUse[] {
  const uses = new Map<string, BitmapTableUse>();
  let bytesLeft = head.fileSize + head.geometry.clusterSize;
  for (const bitmap of bitmaps) {
    const key = `${bitmap.tableOffset} ${bitmap.tableSize}`;
    const same = uses.get(key);
    if (same === undefined) {
      uses.set(key, { bitmap, times: 1 });
      bytesLeft -= Math.min(bitmap.tableSize * ENTRY_BYTES, head.fileSize);
    } else same.times++;
    if (bytesLeft < 0) throw overlapping(bitmap);
  }
  return [...uses.values()];
}

function overlapping(bitmap: BitmapDirectoryEntry): FormatError {
  const place = { structure: `bitmap ${printable(bitmap.name)}`, field: "bitmap_table_offset" };
  return new FormatError("QCOW2_INVALID_FIELD", "its table overlaps those of other bitmaps", place);
}

/** Rejects with a `FormatError` when a table of a bitmap that is in order has an entry that makes no sense. */
export async function checkBitmapTables(
  backend: ReadableBlockBackend,
  head: ImageHead,
  bitmaps: readonly BitmapDirectoryEntry[],
  options: IoOptions = {},
): Promise<void> {
  const inOrder = bitmaps.filter(({ inUse }) => !inUse);
  for (const { bitmap } of distinctTables(inOrder, head)) {
    const table = await readBitmapTable(backend, bitmap, head.fileSize, options);
    for (let at = 0; at + ENTRY_BYTES <= table.byteLength; at += ENTRY_BYTES) {
      if (table.getUint32(at) === 0 && table.getUint32(at + 4) === 0) continue;
      const entry = decodeBitmapTableEntry(table.getBigUint64(at));
      checkBitmapTableEntry(entry, head.geometry.clusterSize, at / ENTRY_BYTES);
    }
  }
}
