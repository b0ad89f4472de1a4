// Owns the second 8 bytes of an extended L2 entry, the subcluster bitmap (specification: "Extended L2 Entries").
// Bits 0 to 31 say allocated, bits 32 to 63 say reads as zeros; `alloc` and `zero` are these halves.
// Does not know the first 8 bytes: whether there is an offset to be allocated at is for the caller.

import { highWord, lowWord } from "./entry-words.js";
import { SUBCLUSTERS_PER_CLUSTER } from "./limits.js";

/** The two halves of a subcluster bitmap, unsigned 32 bits each; bit n stands for subcluster n. */
export interface SubclusterBitmap {
  readonly alloc: number;
  readonly zero: number;
}

/** `invalid` is both allocated and zero, which the specification forbids. */
export type SubclusterKind = "unallocated" | "allocated" | "zero" | "invalid";

/** The kind of subcluster `index`, 0 to 31. */
export function subclusterKind(alloc: number, zero: number, index: number): SubclusterKind {
  const allocated = ((alloc >>> index) & 1) === 1;
  if (((zero >>> index) & 1) === 1) return allocated ? "invalid" : "zero";
  return allocated ? "allocated" : "unallocated";
}

/** Whether no subcluster is both allocated and zero. */
export function subclusterBitmapIsValid(alloc: number, zero: number): boolean {
  return (alloc & zero) === 0;
}

/** How many subclusters from `index` (0 to 31) on, itself included, have its kind: 1 to 32 - index. */
export function subclusterRunLength(alloc: number, zero: number, index: number): number {
  const differsInAlloc = alloc ^ -((alloc >>> index) & 1);
  const differsInZero = zero ^ -((zero >>> index) & 1);
  const differs = (differsInAlloc | differsInZero) >>> index;
  if (differs === 0) return SUBCLUSTERS_PER_CLUSTER - index;
  return 31 - Math.clz32(differs & -differs);
}

export function decodeSubclusterBitmap(bitmap: bigint): SubclusterBitmap {
  return { alloc: lowWord(bitmap), zero: highWord(bitmap) };
}

/** The halves may be signed or unsigned; only their 32 bits count. */
export function encodeSubclusterBitmap(bitmap: SubclusterBitmap): bigint {
  return (BigInt(bitmap.zero >>> 0) << 32n) | BigInt(bitmap.alloc >>> 0);
}
