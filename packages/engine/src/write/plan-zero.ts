// Plans what becomes of an entry when its cluster, or some of its subclusters, is to read as zero (specification: "L2
// table entry", "Extended L2 Entries"). Pure: one entry in, one entry out, or the answer that zeros must be written.

import { type Geometry, L2Kind, l2EntryIsCopied } from "@qcow/format";
import { clusterKind } from "../mapping/cluster-kind.js";

/** What is done with an entry. */
export const ZeroAction = {
  /** It reads as zero already. */
  none: 0,
  /** It becomes empty: nothing is there, and nothing below. */
  clear: 1,
  /** It gives up what it has, and says zero. */
  zeroPlain: 2,
  /** It keeps its place in the file, and says zero. */
  zeroAllocated: 3,
  /** Only its subcluster bitmap changes. */
  subclusters: 4,
  /** It cannot say zero: zeros are to be written. */
  write: 5,
} as const;

export interface ZeroRequest {
  /** Bits of the subclusters that are to read as zero; all ones for a whole cluster. */
  readonly subclusters: number;
  /** Whether the place in the file is to be given up. */
  readonly unmap: boolean;
  /** Whether the guest cluster reads as zero where this disk has nothing. */
  readonly emptyBelow: boolean;
}

const ALL = 0xffff_ffff;

/** The action (`ZeroAction`) for the entry at byte `at` of `table`. */
export function planZero(table: DataView, at: number, request: ZeroRequest, geometry: Geometry): number {
  const high = table.getUint32(at);
  const kind = clusterKind(high, table.getUint32(at + 4), geometry);
  const whole = request.subclusters === ALL;
  if (geometry.extendedL2) return planExtended(table, at, kind, request, whole);
  if (!whole) return ZeroAction.write;
  if (kind === L2Kind.zeroPlain) return ZeroAction.none;
  if (kind === L2Kind.unallocated) return request.emptyBelow ? ZeroAction.none : zeroFlag(geometry);
  if (kind === L2Kind.zeroAllocated) return request.unmap ? giveUp(request, geometry) : ZeroAction.none;
  const mayKeep = kind === L2Kind.normal && (l2EntryIsCopied(high) || geometry.hasDataFile);
  if (request.unmap || !mayKeep) return giveUp(request, geometry);
  return geometry.version >= 3 ? ZeroAction.zeroAllocated : giveUp(request, geometry);
}

function planExtended(
  table: DataView,
  at: number,
  kind: number,
  request: ZeroRequest,
  whole: boolean,
): number {
  const { subclusters, emptyBelow } = request;
  const high = table.getUint32(at);
  const zero = table.getUint32(at + 8);
  const alloc = table.getUint32(at + 12);
  if (kind === L2Kind.compressed) return whole ? ZeroAction.zeroPlain : ZeroAction.write;
  const already = emptyBelow ? (subclusters & alloc) === 0 : (subclusters & ~zero) === 0;
  if (kind === L2Kind.unallocated) return already ? ZeroAction.none : ZeroAction.subclusters;
  if (whole && (request.unmap || !l2EntryIsCopied(high))) {
    return emptyBelow ? ZeroAction.clear : ZeroAction.zeroPlain;
  }
  if (already) return ZeroAction.none;
  return l2EntryIsCopied(high) ? ZeroAction.subclusters : ZeroAction.write;
}

// Gives up what is there. Where something lies below, the entry must say zero, which version 2 cannot.
function giveUp({ emptyBelow }: ZeroRequest, geometry: Geometry): number {
  return emptyBelow ? ZeroAction.clear : zeroFlag(geometry);
}

function zeroFlag(geometry: Geometry): number {
  return geometry.version >= 3 ? ZeroAction.zeroPlain : ZeroAction.write;
}
