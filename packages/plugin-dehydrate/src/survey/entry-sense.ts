// Whether an entry of a table makes sense as one. Owns the rule that keeps contents of the disk out of what is handed on: a
// cluster that a damaged image takes for a table may hold anything, and contents do not look like pointers.

import {
  bitmapTableEntryHasReservedBits,
  bitmapTableEntryOffset,
  compressedLength,
  compressedOffset,
  L2Kind,
  l1EntryHasReservedBits,
  l1EntryOffset,
  l2EntryHasReservedBits,
  l2EntryIsCopied,
  l2EntryKind,
  l2EntryOffset,
  refcountTableEntryHasReservedBits,
  refcountTableEntryOffset,
} from "@qcow/format";
import type { KeptKind } from "./kept.js";

export type TableKind = Exclude<KeptKind, "plain"> | "l2";

/** What an entry is judged by. */
export interface EntryRules {
  readonly clusterBits: number;
  /** Bytes of an L2 entry. */
  readonly entryBytes: 8 | 16;
  /** No offset of this image lies here or behind, even if the file was cut. */
  readonly farOffset: number;
}

/** What counts of a refcount block are judged by. */
export interface RefcountRules {
  /** Width of a count. */
  readonly bits: number;
  /** A count that no cluster of the image can reach, but for damage, is above it. */
  readonly countMax: number;
}

/** Whether the halves of an entry say something that a table of this kind can say. */
export function makesSense(high: number, low: number, kind: TableKind, rules: EntryRules): boolean {
  switch (kind) {
    case "l1":
      return !l1EntryHasReservedBits(high, low) && isPlace(l1EntryOffset(high, low), rules);
    case "refcount-table":
      return !refcountTableEntryHasReservedBits(low) && isPlace(refcountTableEntryOffset(high, low), rules);
    case "bitmap-table":
      return !bitmapTableEntryHasReservedBits(high, low) && isPlace(bitmapTableEntryOffset(high, low), rules);
    case "l2":
      return l2MakesSense(high, low, rules);
  }
}

function l2MakesSense(high: number, low: number, rules: EntryRules): boolean {
  const { clusterBits, farOffset } = rules;
  if (l2EntryKind(high, low) !== L2Kind.compressed)
    return (
      !l2EntryHasReservedBits(high, low, { extended: rules.entryBytes === 16 }) &&
      isPlace(l2EntryOffset(high, low), rules)
    );
  const end = compressedOffset(high, low, clusterBits) + compressedLength(high, low, clusterBits);
  return !l2EntryIsCopied(high) && end < farOffset;
}

function isPlace(offset: number, { clusterBits, farOffset }: EntryRules): boolean {
  return offset % 2 ** clusterBits === 0 && offset < farOffset;
}
