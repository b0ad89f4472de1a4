// Owns the split of a 64-bit table entry into two unsigned 32-bit halves, and the host offset that entries share.
// Does not know what the other bits of an entry mean.

import { FormatError } from "./errors.js";
import { hexadecimal } from "./printable.js";

/** Bits 9 to 55 of an entry: the host offset in L1, L2 and bitmap tables. */
export const OFFSET_MASK = 0x00ff_ffff_ffff_fe00n;

/** The upper 32 bits of an entry. */
export function highWord(entry: bigint): number {
  return Number((entry >> 32n) & 0xffff_ffffn);
}

/** The lower 32 bits of an entry. */
export function lowWord(entry: bigint): number {
  return Number(entry & 0xffff_ffffn);
}

/** Bits 9 to 55 as an offset in bytes; always exact, since the nine lowest bits are zero. */
export function hostOffsetOf(hi: number, lo: number): number {
  return (hi & 0x00ff_ffff) * 0x1_0000_0000 + ((lo & 0xffff_fe00) >>> 0);
}

/** @throws FormatError `QCOW2_INVALID_FIELD` unless `value` has no bits outside `mask`. */
export function requireBits(structure: string, field: string, value: bigint, mask: bigint): bigint {
  if (value >= 0n && (value & ~mask) === 0n) return value;
  const problem = `${field} ${hexadecimal(value)} has bits outside ${hexadecimal(mask)}`;
  throw new FormatError("QCOW2_INVALID_FIELD", problem, { structure, field });
}
