// Owns the entries of L2 tables, their first 8 bytes with extended L2 (specification: "L2 table entry").
// The numeric functions are the rules, for loops over millions of entries; the typed pair is built on them.
// Does not own compressed descriptors or subcluster bitmaps: see compressed-descriptor.ts and extended-l2.ts.

import { decodeCompressedDescriptor, encodeCompressedDescriptor } from "./compressed-descriptor.js";
import { highWord, hostOffsetOf, lowWord, OFFSET_MASK, requireBits } from "./entry-words.js";
import { FormatError } from "./errors.js";
import type { Geometry } from "./geometry.js";

/** What an L2 entry says about its cluster. */
export const L2Kind = {
  unallocated: 0,
  normal: 1,
  zeroPlain: 2,
  zeroAllocated: 3,
  compressed: 4,
} as const;

/** One of the numbers in `L2Kind`. */
export type L2KindNumber = (typeof L2Kind)[keyof typeof L2Kind];

/** What decides whether bit 0 is the zero flag or reserved. */
export interface L2EntryRules {
  readonly extended: boolean;
  /** 3 if not given. */
  readonly version?: 2 | 3;
}

/** The parts of a geometry that L2 entries depend on. */
export type L2EntryGeometry = Pick<Geometry, "version" | "clusterBits" | "extendedL2" | "hasDataFile">;

/** A standard L2 entry; `encodeL2Entry` gives back every bit. */
export interface StandardL2Entry {
  readonly kind: "unallocated" | "normal" | "zeroPlain" | "zeroAllocated";
  /** Host offset in bytes; 0 for unallocated and zeroPlain. */
  readonly offset: bigint;
  /** The refcount of the cluster is exactly 1. */
  readonly copied: boolean;
  /** Those of the reserved bits that are set, in their places: see `l2EntryHasReservedBits`. */
  readonly reserved: bigint;
}

/** A compressed L2 entry. */
export interface CompressedL2Entry {
  readonly kind: "compressed";
  /** First byte of the compressed data; needs no alignment. */
  readonly hostOffset: bigint;
  /** Bytes to the end of the last 512-byte sector. */
  readonly length: number;
  /** Must be false; a check reports it. */
  readonly copied: boolean;
}

export type L2Entry = StandardL2Entry | CompressedL2Entry;

const COPIED = 1n << 63n;
const COMPRESSED = 1n << 62n;
const RESERVED_MASK = 0x3f00_0000_0000_01fen;
const ZERO = 1n;
const STRUCTURE = "L2 entry";

/**
 * The kind of an entry with the halves `hi` and `lo`; the compressed flag wins over all others.
 *
 * Bit 0 is taken for the zero flag: in version 2 and with extended L2 entries, where it is reserved, clear it first.
 * With an external data file offset 0 is a cluster like any other once COPIED is set: say `hasDataFile` then.
 */
export function l2EntryKind(hi: number, lo: number, hasDataFile = false): L2KindNumber {
  if ((hi & 0x4000_0000) !== 0) return L2Kind.compressed;
  const hasOffset = ((hi & 0x00ff_ffff) | (lo & 0xffff_fe00)) !== 0;
  if ((lo & 1) !== 0) return hasOffset ? L2Kind.zeroAllocated : L2Kind.zeroPlain;
  return hasOffset || (hasDataFile && l2EntryIsCopied(hi)) ? L2Kind.normal : L2Kind.unallocated;
}

/** Host offset in bytes of an entry that is not compressed: below 2^56 and exact. */
export function l2EntryOffset(hi: number, lo: number): number {
  return hostOffsetOf(hi, lo);
}

/** Whether the cluster's refcount is said to be exactly 1. */
export function l2EntryIsCopied(hi: number): boolean {
  return hi >>> 31 === 1;
}

/**
 * Whether an entry that is not compressed has reserved bits set: 1 to 8, 56 to 61, and bit 0 where it is not the
 * zero flag (version 2, extended L2). Compressed entries have no reserved bits.
 */
export function l2EntryHasReservedBits(hi: number, lo: number, rules: L2EntryRules): boolean {
  if ((hi & 0x4000_0000) !== 0) return false;
  const low = rules.extended || rules.version === 2 ? 0x1ff : 0x1fe;
  return ((hi & 0x3f00_0000) | (lo & low)) !== 0;
}

/**
 * Writes a standard entry at byte `at` of a table, for loops over many; the subcluster bitmap of an extended entry is
 * not touched. `offset` is a multiple of the cluster size below 2^53, 0 for none.
 */
export function putL2Entry(
  table: DataView,
  at: number,
  offset: number,
  copied: boolean,
  zero: boolean,
): void {
  const high = Math.floor(offset / 0x1_0000_0000);
  table.setUint32(at, copied ? high + 0x8000_0000 : high);
  table.setUint32(at + 4, (offset % 0x1_0000_0000) + (zero ? 1 : 0));
}

const STANDARD_KINDS = ["unallocated", "normal", "zeroPlain", "zeroAllocated"] as const;

function hasZeroFlag(geometry: L2EntryGeometry): boolean {
  return geometry.version === 3 && !geometry.extendedL2;
}

/** Any 64 bits are some entry: never throws. */
export function decodeL2Entry(entry: bigint, geometry: L2EntryGeometry): L2Entry {
  const hi = highWord(entry);
  const lo = lowWord(entry);
  const copied = l2EntryIsCopied(hi);
  const kind = l2EntryKind(hi, hasZeroFlag(geometry) ? lo : lo & ~1, geometry.hasDataFile);
  if (kind === L2Kind.compressed) {
    return { kind: "compressed", ...decodeCompressedDescriptor(entry, geometry.clusterBits), copied };
  }
  const reserved = entry & (hasZeroFlag(geometry) ? RESERVED_MASK : RESERVED_MASK | ZERO);
  return { kind: STANDARD_KINDS[kind], offset: BigInt(l2EntryOffset(hi, lo)), copied, reserved };
}

/**
 * The 64 bits of an entry.
 *
 * @throws FormatError `QCOW2_INVALID_FIELD` for an offset that is no multiple of 512 below 2^56, reserved bits that
 * are none, a compressed descriptor that does not fit, or a kind that the other fields would not decode to.
 */
export function encodeL2Entry(entry: L2Entry, geometry: L2EntryGeometry): bigint {
  const copied = entry.copied ? COPIED : 0n;
  if (entry.kind === "compressed") {
    return copied | COMPRESSED | encodeCompressedDescriptor(entry, geometry.clusterBits);
  }
  const reservedMask = hasZeroFlag(geometry) ? RESERVED_MASK : RESERVED_MASK | ZERO;
  const offset = requireBits(STRUCTURE, "offset", entry.offset, OFFSET_MASK);
  const reserved = requireBits(STRUCTURE, "reserved bits", entry.reserved, reservedMask);
  const zero = entry.kind === "zeroPlain" || entry.kind === "zeroAllocated" ? ZERO : 0n;
  const encoded = copied | offset | reserved | zero;
  requireKind(entry, encoded, geometry);
  return encoded;
}

function requireKind(entry: StandardL2Entry, encoded: bigint, geometry: L2EntryGeometry): void {
  const decoded = decodeL2Entry(encoded, geometry).kind;
  if (decoded === entry.kind) return;
  const problem = `an entry that is ${entry.kind} cannot have these fields, it would read as ${decoded}`;
  throw new FormatError("QCOW2_INVALID_FIELD", problem, { structure: STRUCTURE, field: "kind" });
}
