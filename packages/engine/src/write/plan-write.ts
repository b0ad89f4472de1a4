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
  | { readonly runs: readonly WriteRun[]; readonly inPlace: boolean }
  /** The entry for guest offset `guest` makes no sense, for `reason` (`InvalidReason`). */
  | { readonly invalid: { readonly guest: number; readonly reason: number } };

/** The fate of one cluster, of which `[start, end)`, guest offsets, is written. */
interface Fate {
  readonly action: WriteAction;
  readonly host: number;
  readonly from: number;
  readonly to: number;
}

/** Plans to write all of `span`. */
export function planWrite(span: L2Span, geometry: Geometry): WritePlan {
  const { clusterSize } = geometry;
  const runs: WriteRun[] = [];
  const first = Math.floor((span.start - span.base) / clusterSize);
  const end = Math.ceil((span.end - span.base) / clusterSize);
  let inPlace = true;
  for (let index = first; index < end; index++) {
    const fate = clusterFate(span, index, geometry);
    if (typeof fate === "number") {
      return { invalid: { guest: span.base + index * clusterSize, reason: fate } };
    }
    if (fate.action !== "overwrite") inPlace = false;
    const last = runs[runs.length - 1];
    if (last !== undefined && continues(last, fate, clusterSize)) {
      last.count++;
      last.to = fate.to;
    } else runs.push({ ...fate, index, count: 1 });
  }
  return { runs, inPlace };
}

function continues(run: WriteRun, next: Fate, clusterSize: number): boolean {
  if (run.action !== next.action) return false;
  return next.action === "allocate" || run.host + run.count * clusterSize === next.host;
}

/** The fate of cluster `index`, or the reason why its entry is invalid. */
function clusterFate(span: L2Span, index: number, geometry: Geometry): Fate | number {
  const { clusterSize, l2EntrySize } = geometry;
  const guest = span.base + index * clusterSize;
  const at = index * l2EntrySize;
  const high = span.table.getUint32(at);
  const low = span.table.getUint32(at + 4);
  const start = Math.max(span.start, guest);
  const end = Math.min(span.end, guest + clusterSize);
  const whole = { from: guest, to: guest + clusterSize };
  const kind = clusterKind(high, low, geometry);
  if (kind === L2Kind.compressed) {
    if (geometry.hasDataFile) return InvalidReason.compressedWithDataFile;
    return { action: "allocate", host: 0, ...whole };
  }
  const hasPlace = kind === L2Kind.normal || kind === L2Kind.zeroAllocated;
  if (!hasPlace) {
    if (kind === L2Kind.zeroPlain && geometry.version < 3) return InvalidReason.zeroFlagInVersion2;
    // Subclusters that say allocated, but not where.
    if (geometry.extendedL2 && span.table.getUint32(at + 12) !== 0) return InvalidReason.subclusterBitmap;
    return { action: "allocate", host: 0, ...subclusterWindow(start, end, guest, geometry) };
  }
  const host = l2EntryOffset(high, low);
  const invalid = invalidOffsetReason(kind, host, guest, geometry);
  if (invalid >= 0) return invalid;
  if (!l2EntryIsCopied(high) && !geometry.hasDataFile) return { action: "allocate", host: 0, ...whole };
  if (!geometry.extendedL2) {
    if (kind === L2Kind.normal) return { action: "overwrite", host, from: start, to: end };
    return { action: "fill", host, ...whole };
  }
  const zero = span.table.getUint32(at + 8);
  const alloc = span.table.getUint32(at + 12);
  if ((alloc & zero) !== 0) return InvalidReason.subclusterBitmap;
  const window = subclusterWindow(start, end, guest, geometry);
  const touched = subclusterBits(window.from - guest, window.to - guest, geometry.subclusterSize);
  if ((alloc & touched) >>> 0 === touched) return { action: "overwrite", host, from: start, to: end };
  return { action: "fill", host, ...window };
}

/** `[start, end)` of the cluster at `guest`, widened to whole subclusters (clusters, where there are none). */
function subclusterWindow(
  start: number,
  end: number,
  guest: number,
  { subclusterSize }: Geometry,
): { from: number; to: number } {
  return {
    from: guest + Math.floor((start - guest) / subclusterSize) * subclusterSize,
    to: guest + Math.ceil((end - guest) / subclusterSize) * subclusterSize,
  };
}

/** Bits of the subclusters from byte `from` to byte `to` of a cluster, both multiples of the subcluster size. */
export function subclusterBits(from: number, to: number, subclusterSize: number): number {
  const first = from / subclusterSize;
  const count = to / subclusterSize - first;
  const ones = count >= 32 ? 0xffff_ffff : 2 ** count - 1;
  return (ones << first) >>> 0;
}
