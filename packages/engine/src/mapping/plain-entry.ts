// The one entry that nearly every table consists of: plain data, aligned, nothing set but COPIED. Telling
// it apart with one test keeps the loops over millions of entries short; all others take the long way
// (cluster-kind.ts), which gives the same answer for these.

import type { Geometry } from "@qcow/format";

/** Bits of the high half that a plain entry does not have: compressed, the reserved ones, and offsets past 2^53. */
const OTHER_BITS = 0x7fe0_0000;

/** The mask for `isPlainEntry`. */
export function plainEntryMask(geometry: Geometry): number {
  return geometry.clusterSize - 1;
}

/**
 * Whether the entry with the halves `high` and `low` is plain data at an aligned host offset other than 0, or
 * empty. For images with standard entries and without a data file; `mask` is `plainEntryMask`.
 */
export function isPlainEntry(high: number, low: number, mask: number): boolean {
  return ((high & OTHER_BITS) | (low & mask)) === 0;
}
