// Owns the entries of L1 tables (specification: "L1 table entry").
// Does not check where an offset points.

import { highWord, hostOffsetOf, lowWord, OFFSET_MASK, requireBits } from "./entry-words.js";

const COPIED = 1n << 63n;
const RESERVED_MASK = 0x7f00_0000_0000_01ffn;
const STRUCTURE = "L1 entry";

/** An L1 entry; `encodeL1Entry` gives back every bit. */
export interface L1Entry {
  /** Where the L2 table lies, in bytes; 0 for none. */
  readonly offset: bigint;
  /** The refcount of the L2 table is exactly 1. */
  readonly copied: boolean;
  /** Those of the reserved bits 0 to 8 and 56 to 62 that are set, in their places. */
  readonly reserved: bigint;
}

/** Offset of the L2 table in bytes, below 2^56 and exact; 0 for none. `hi` and `lo` are the entry's halves. */
export function l1EntryOffset(hi: number, lo: number): number {
  return hostOffsetOf(hi, lo);
}

/** Whether the L2 table's refcount is said to be exactly 1. */
export function l1EntryIsCopied(hi: number): boolean {
  return hi >>> 31 === 1;
}

/** Whether any of the bits 0 to 8 and 56 to 62 is set. */
export function l1EntryHasReservedBits(hi: number, lo: number): boolean {
  return ((hi & 0x7f00_0000) | (lo & 0x1ff)) !== 0;
}

export function decodeL1Entry(entry: bigint): L1Entry {
  const hi = highWord(entry);
  return {
    offset: BigInt(l1EntryOffset(hi, lowWord(entry))),
    copied: l1EntryIsCopied(hi),
    reserved: entry & RESERVED_MASK,
  };
}

/** @throws FormatError `QCOW2_INVALID_FIELD` for an offset that is no multiple of 512 below 2^56. */
export function encodeL1Entry(entry: L1Entry): bigint {
  const offset = requireBits(STRUCTURE, "offset", entry.offset, OFFSET_MASK);
  const reserved = requireBits(STRUCTURE, "reserved bits", entry.reserved, RESERVED_MASK);
  return offset | reserved | (entry.copied ? COPIED : 0n);
}
