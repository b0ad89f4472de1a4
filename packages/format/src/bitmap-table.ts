// Owns the entries of bitmap tables (specification: "Bitmap table"): where a cluster of bitmap data lies, or that it
// is all zeros or all ones. Does not own the bits themselves.

import { highWord, hostOffsetOf, lowWord, OFFSET_MASK, requireBits } from "./entry-words.js";
import { FormatError } from "./errors.js";
import { hexadecimal } from "./printable.js";

/** A cluster of bitmap data: all clear, all set, or stored at an offset. */
export type BitmapTableEntryKind = "zeros" | "ones" | "data";

/** A bitmap table entry; `encodeBitmapTableEntry` gives back every bit. */
export interface BitmapTableEntry {
  readonly kind: BitmapTableEntryKind;
  /** Host offset in bytes; 0 unless kind is `data`. */
  readonly offset: bigint;
  /** Those of the reserved bits 1 to 8 and 56 to 63, and with an offset bit 0, that are set. */
  readonly reserved: bigint;
}

const RESERVED_MASK = 0xff00_0000_0000_01fen;
const STRUCTURE = "bitmap table entry";

/** The kind of an entry with the halves `hi` and `lo`. */
export function bitmapTableEntryKind(hi: number, lo: number): BitmapTableEntryKind {
  if (bitmapTableEntryOffset(hi, lo) !== 0) return "data";
  return (lo & 1) !== 0 ? "ones" : "zeros";
}

/** Offset of the bitmap data in bytes, below 2^56 and exact; 0 for none. */
export function bitmapTableEntryOffset(hi: number, lo: number): number {
  return hostOffsetOf(hi, lo);
}

/** Whether a reserved bit is set: 1 to 8, 56 to 63, and bit 0 where there is an offset. */
export function bitmapTableEntryHasReservedBits(hi: number, lo: number): boolean {
  const low = bitmapTableEntryOffset(hi, lo) === 0 ? 0x1fe : 0x1ff;
  return ((hi & 0xff00_0000) | (lo & low)) !== 0;
}

/** Any 64 bits are some entry: never throws. */
export function decodeBitmapTableEntry(entry: bigint): BitmapTableEntry {
  const hi = highWord(entry);
  const lo = lowWord(entry);
  const kind = bitmapTableEntryKind(hi, lo);
  const reserved = entry & (kind === "data" ? RESERVED_MASK | 1n : RESERVED_MASK);
  return { kind, offset: BigInt(bitmapTableEntryOffset(hi, lo)), reserved };
}

/**
 * Checks an entry whose data is about to be used. `index` is its place in the table.
 *
 * @throws FormatError `QCOW2_INVALID_FIELD` for reserved bits or an offset that is no multiple of the cluster size.
 */
export function checkBitmapTableEntry(entry: BitmapTableEntry, clusterSize: number, index: number): void {
  const place = { structure: "bitmap table", field: `entry ${index}`, offset: index * 8 };
  if (entry.reserved !== 0n) {
    const problem = `entry ${index} has reserved bits ${hexadecimal(entry.reserved)}`;
    throw new FormatError("QCOW2_INVALID_FIELD", problem, place);
  }
  if (entry.offset % BigInt(clusterSize) !== 0n) {
    const problem = `entry ${index} has offset ${hexadecimal(entry.offset)}, no multiple of the cluster size`;
    throw new FormatError("QCOW2_INVALID_FIELD", problem, place);
  }
}

/** @throws FormatError `QCOW2_INVALID_FIELD` for an offset that does not fit, or one that does not suit the kind. */
export function encodeBitmapTableEntry(entry: BitmapTableEntry): bigint {
  const isData = entry.kind === "data";
  const offset = requireBits(STRUCTURE, "offset", entry.offset, isData ? OFFSET_MASK : 0n);
  if (isData && offset === 0n) {
    throw new FormatError("QCOW2_INVALID_FIELD", "data needs an offset", {
      structure: STRUCTURE,
      field: "offset",
    });
  }
  const reservedMask = isData ? RESERVED_MASK | 1n : RESERVED_MASK;
  const reserved = requireBits(STRUCTURE, "reserved bits", entry.reserved, reservedMask);
  return offset | reserved | (entry.kind === "ones" ? 1n : 0n);
}
