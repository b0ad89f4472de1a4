// Owns the entries of the refcount table (specification: "Refcount table entry").
// Does not check where an offset points.

import { highWord, lowWord, requireBits } from "./entry-words.js";

const OFFSET_BITS = 0xffff_ffff_ffff_fe00n;
const RESERVED_MASK = 0x1ffn;
const STRUCTURE = "refcount table entry";

/** A refcount table entry; `encodeRefcountTableEntry` gives back every bit. */
export interface RefcountTableEntry {
  /** Where the refcount block lies, in bytes; 0 for none, all its refcounts are 0 then. */
  readonly offset: bigint;
  /** Those of the reserved bits 0 to 8 that are set. */
  readonly reserved: bigint;
}

/** Offset of the refcount block in bytes, bits 9 to 63: exact below 2^53, the nearest number above; 0 for none. */
export function refcountTableEntryOffset(hi: number, lo: number): number {
  return (hi >>> 0) * 0x1_0000_0000 + ((lo & 0xffff_fe00) >>> 0);
}

/** Whether any of the bits 0 to 8 is set. */
export function refcountTableEntryHasReservedBits(lo: number): boolean {
  return (lo & 0x1ff) !== 0;
}

export function decodeRefcountTableEntry(entry: bigint): RefcountTableEntry {
  const offset = (BigInt(highWord(entry)) << 32n) | (BigInt(lowWord(entry)) & OFFSET_BITS);
  return { offset, reserved: entry & RESERVED_MASK };
}

/** @throws FormatError `QCOW2_INVALID_FIELD` for an offset that is no multiple of 512 below 2^64. */
export function encodeRefcountTableEntry(entry: RefcountTableEntry): bigint {
  const offset = requireBits(STRUCTURE, "offset", entry.offset, OFFSET_BITS);
  return offset | requireBits(STRUCTURE, "reserved bits", entry.reserved, RESERVED_MASK);
}
