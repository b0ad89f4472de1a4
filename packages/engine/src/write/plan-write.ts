// Plans a write within the part of the disk that one L2 table describes: which clusters are written in place, which
// keep their place but change their entry, which need a new one (specification: "L2 table entry", "Extended L2
// Entries"). Pure; owns no I/O. Runs of clusters with the same fate are one item, so that a long write is a short plan.

import { type Geometry, L2Kind, l2EntryIsCopied, l2EntryOffset } from "@qcow/format";
import { clusterKind } from "../mapping/cluster-kind.js";
import { invalidOffsetReason } from "../mapping/invalid-offset.js";
import type { L2Span } from "../mapping/map-l2-table.js";
import { InvalidReason } from "../mapping/run-list.js";

/** What becomes of a run of clusters. */
export type WriteAction =
  /** Its bytes are replaced where they are; no entry changes. */
  | "overwrite"
  /** It has a place of its own that is not in use yet, or only partly: the entry changes. */
  | "fill"
  /** It needs a new place. */
  | "allocate";

export interface WriteRun {
  readonly action: WriteAction;
  /** Index of the first cluster in the table. */
  readonly index: number;
  /** Number of clusters. */
  count: number;
  /** Host offset of the first cluster; 0 for `allocate`. The others follow. */
  readonly host: number;
  /**
   * Guest offsets in bytes between which the run's bytes must be defined afterwards: what the caller does not give is
   * copied from what the disk reads as now. For `overwrite` this is what is written.
   */
  readonly from: number;
  to: number;
}

export type WritePlan =
  | { readonly runs: readonly WriteRun[] }
  /** The entry for guest offset `guest` makes no sense, for `reason` (`InvalidReason`). */
  | { readonly invalid: { readonly guest: number; readonly reason: number } };

/** The fate of one cluster. Filled anew for the next one: long writes have many, and an object for each would be felt. */
interface Fate {
  action: WriteAction;
  host: number;
  from: number;
  to: number;
}

/** Plans to write all of `span`. */
export function planWrite(span: L2Span, geometry: Geometry): WritePlan {
  const { clusterSize } = geometry;
  const runs: WriteRun[] = [];
  const first = Math.floor((span.start - span.base) / clusterSize);
  const end = Math.ceil((span.end - span.base) / clusterSize);
  const fate: Fate = { action: "overwrite", host: 0, from: 0, to: 0 };
  let last: WriteRun | undefined;
  for (let index = first; index < end; index++) {
    const reason = findFate(span, index, geometry, fate);
    if (reason >= 0) return { invalid: { guest: span.base + index * clusterSize, reason } };
    if (last !== undefined && continues(last, fate, clusterSize)) {
      last.count++;
      last.to = fate.to;
    } else {
      const { action, host, from, to } = fate;
      last = { action, index, count: 1, host, from, to };
      runs.push(last);
    }
  }
  return { runs };
}

/** Plans to write all of `span` if no entry has to change for that; undefined if one has to, or makes no sense. */
export function planOverwrite(span: L2Span, geometry: Geometry): readonly WriteRun[] | undefined {
  // What is new is so from its first cluster on, mostly.
  const fate: Fate = { action: "overwrite", host: 0, from: 0, to: 0 };
  const first = Math.floor((span.start - span.base) / geometry.clusterSize);
  if (findFate(span, first, geometry, fate) >= 0 || fate.action !== "overwrite") return undefined;
  const plan = planWrite(span, geometry);
  if (!("runs" in plan) || plan.runs.some(({ action }) => action !== "overwrite")) return undefined;
  return plan.runs;
}

function continues(run: WriteRun, next: Fate, clusterSize: number): boolean {
  if (run.action !== next.action) return false;
  return next.action === "allocate" || run.host + run.count * clusterSize === next.host;
}

/** Finds the `fate` of cluster `index`, of which `span` is written; the reason why its entry is invalid, -1 if it is not. */
function findFate(span: L2Span, index: number, geometry: Geometry, fate: Fate): number {
  const { clusterSize, l2EntrySize } = geometry;
  const guest = span.base + index * clusterSize;
  const at = index * l2EntrySize;
  const high = span.table.getUint32(at);
  const low = span.table.getUint32(at + 4);
  const kind = clusterKind(high, low, geometry);
  fate.action = "allocate";
  fate.host = 0;
  fate.from = guest;
  fate.to = guest + clusterSize;
  if (kind === L2Kind.compressed) return geometry.hasDataFile ? InvalidReason.compressedWithDataFile : -1;
  const hasPlace = kind === L2Kind.normal || kind === L2Kind.zeroAllocated;
  if (!hasPlace) {
    if (kind === L2Kind.zeroPlain && geometry.version < 3) return InvalidReason.zeroFlagInVersion2;
    // Subclusters that say allocated, but not where.
    if (geometry.extendedL2 && span.table.getUint32(at + 12) !== 0) return InvalidReason.subclusterBitmap;
    narrow(fate, span, geometry.subclusterSize);
    return -1;
  }
  const host = l2EntryOffset(high, low);
  const invalid = invalidOffsetReason(kind, host, guest, geometry);
  if (invalid >= 0) return invalid;
  if (!l2EntryIsCopied(high) && !geometry.hasDataFile) return -1;
  fate.host = host;
  fate.action = "fill";
  if (!geometry.extendedL2) {
    if (kind === L2Kind.normal) overwrite(fate, span);
    return -1;
  }
  const zero = span.table.getUint32(at + 8);
  const alloc = span.table.getUint32(at + 12);
  if ((alloc & zero) !== 0) return InvalidReason.subclusterBitmap;
  narrow(fate, span, geometry.subclusterSize);
  const touched = subclusterBits(fate.from - guest, fate.to - guest, geometry.subclusterSize);
  if ((alloc & touched) >>> 0 === touched) overwrite(fate, span);
  return -1;
}

/** From a whole cluster to the subclusters (the cluster, where there are none) that `span` touches. */
function narrow(fate: Fate, { start, end }: L2Span, subclusterSize: number): void {
  const guest = fate.from;
  if (start > guest) fate.from = guest + Math.floor((start - guest) / subclusterSize) * subclusterSize;
  if (end < fate.to) fate.to = guest + Math.ceil((end - guest) / subclusterSize) * subclusterSize;
}

function overwrite(fate: Fate, { start, end }: L2Span): void {
  fate.action = "overwrite";
  fate.from = Math.max(start, fate.from);
  fate.to = Math.min(end, fate.to);
}

/** Bits of the subclusters from byte `from` to byte `to` of a cluster, both multiples of the subcluster size. */
export function subclusterBits(from: number, to: number, subclusterSize: number): number {
  const first = from / subclusterSize;
  const count = to / subclusterSize - first;
  const ones = count >= 32 ? 0xffff_ffff : 2 ** count - 1;
  return (ones << first) >>> 0;
}
