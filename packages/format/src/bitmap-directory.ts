// Owns the bitmap directory: one entry of varying length per bitmap (specification: "Bitmap directory").
// Does not own what an entry may hold: see bitmap-directory-entry.ts.

import {
  BITMAP_FLAG_AUTO,
  BITMAP_FLAG_EXTRA_DATA_COMPATIBLE,
  BITMAP_FLAG_IN_USE,
  type BitmapDirectoryEntry,
  type BitmapScope,
  checkBitmapDirectoryEntry,
} from "./bitmap-directory-entry.js";
import { ByteReader } from "./byte-reader.js";
import { ByteWriter, padTo8 } from "./byte-writer.js";
import { FormatError } from "./errors.js";
import { BITMAP_DIRECTORY_BYTES_MAX } from "./limits.js";
import { decodeUtf8 } from "./utf8.js";

const FIXED_BYTES = 24;
const DIRECTORY = "bitmap directory";

/**
 * The `count` entries that fill `bytes`, the whole directory as the bitmaps extension gives its size.
 *
 * @throws FormatError `QCOW2_INVALID_FIELD` if the entries do not fill it exactly or a value is wrong,
 * `QCOW2_LIMIT_EXCEEDED`, `QCOW2_UNSUPPORTED_FEATURE` for another type of bitmap or for extra data that is not marked
 * as compatible, `QCOW2_TRUNCATED` if an entry runs past the directory.
 */
export function decodeBitmapDirectory(
  bytes: Uint8Array,
  count: number,
  scope: BitmapScope,
): BitmapDirectoryEntry[] {
  const entries: BitmapDirectoryEntry[] = [];
  let offset = 0;
  while (offset < bytes.length && entries.length < count) {
    const reader = new ByteReader(bytes.subarray(offset), structureOf(entries.length));
    const length = entryLength(reader);
    const entry = decodeFields(reader);
    checkBitmapDirectoryEntry(entry, scope, reader.structure);
    entries.push(entry);
    offset += length;
  }
  if (offset !== bytes.length || entries.length !== count)
    throw wrongCount(entries.length, count, offset, bytes.length);
  return entries;
}

function structureOf(index: number): string {
  return `bitmap directory entry ${index}`;
}

/** Bytes of an entry with its padding, which has to be inside the directory too. */
function entryLength(reader: ByteReader): number {
  reader.require(0, FIXED_BYTES, "the fixed fields");
  const length = padTo8(FIXED_BYTES + reader.u32(20, "extra_data_size") + reader.u16(18, "name_size"));
  reader.require(0, length, "the entry");
  return length;
}

function decodeFields(reader: ByteReader): BitmapDirectoryEntry {
  const flags = reader.u32(12, "flags");
  const extraBytes = reader.u32(20, "extra_data_size");
  const nameBytes = reader.bytes(FIXED_BYTES + extraBytes, reader.u16(18, "name_size"), "name");
  return {
    tableOffset: reader.u64(0, "bitmap_table_offset"),
    tableSize: reader.u32(8, "bitmap_table_size"),
    flags,
    inUse: (flags & BITMAP_FLAG_IN_USE) !== 0,
    auto: (flags & BITMAP_FLAG_AUTO) !== 0,
    extraDataCompatible: (flags & BITMAP_FLAG_EXTRA_DATA_COMPATIBLE) !== 0,
    type: reader.u8(16, "type"),
    granularityBits: reader.u8(17, "granularity_bits"),
    name: decodeUtf8(nameBytes),
    nameBytes,
    extraData: reader.bytes(FIXED_BYTES, extraBytes, "extra data"),
  };
}

function wrongCount(found: number, count: number, offset: number, length: number): FormatError {
  const problem = `${found} of ${count} entries fill ${offset} of ${length} bytes`;
  return new FormatError("QCOW2_INVALID_FIELD", problem, {
    structure: DIRECTORY,
    field: "nb_bitmaps",
    offset,
  });
}

/**
 * The directory, every entry padded to 8 bytes. The flags word is written from `flags` alone.
 *
 * @throws FormatError `QCOW2_INVALID_FIELD` for a value that its field cannot hold, `QCOW2_LIMIT_EXCEEDED` for a
 * directory of more than 64 MiB - 1 KiB.
 */
export function encodeBitmapDirectory(entries: readonly BitmapDirectoryEntry[]): Uint8Array {
  const encoded = entries.map(encodeEntry);
  const length = encoded.reduce((sum, entry) => sum + entry.length, 0);
  if (length > BITMAP_DIRECTORY_BYTES_MAX) {
    const problem = `the directory has ${length} bytes, at most ${BITMAP_DIRECTORY_BYTES_MAX} are allowed`;
    throw new FormatError("QCOW2_LIMIT_EXCEEDED", problem, { structure: DIRECTORY });
  }
  const writer = new ByteWriter(length, DIRECTORY);
  let at = 0;
  for (const entry of encoded) {
    writer.put(at, entry);
    at += entry.length;
  }
  return writer.bytes;
}

function encodeEntry(entry: BitmapDirectoryEntry, index: number): Uint8Array {
  const { extraData, nameBytes } = entry;
  const writer = new ByteWriter(
    padTo8(FIXED_BYTES + extraData.length + nameBytes.length),
    structureOf(index),
  );
  writer.u64(0, "bitmap_table_offset", entry.tableOffset);
  writer.u32(8, "bitmap_table_size", entry.tableSize);
  writer.u32(12, "flags", entry.flags);
  writer.u8(16, "type", entry.type);
  writer.u8(17, "granularity_bits", entry.granularityBits);
  writer.u16(18, "name_size", nameBytes.length);
  writer.u32(20, "extra_data_size", extraData.length);
  writer.put(FIXED_BYTES, extraData);
  writer.put(FIXED_BYTES + extraData.length, nameBytes);
  return writer.bytes;
}
