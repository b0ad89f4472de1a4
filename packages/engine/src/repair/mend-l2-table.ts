// Mends the entries of one L2 table in memory: COPIED flags, and unaligned host clusters kept for nothing. The loop is
// over millions of entries: plain numbers, no objects. Pure.

import { type Geometry, L2Kind, l2EntryIsCopied, l2EntryOffset } from "@qcow/format";
import type { L2Use } from "../check/l2-tables.js";
import type { StoredRefcounts } from "../check/stored-refcounts.js";
import { isUnalignedZero } from "../check/unaligned-zero.js";
import { clusterKind } from "../mapping/cluster-kind.js";

const COPIED_HIGH = 0x8000_0000;
const ZERO_LOW = 1;

export interface L2Mending {
  readonly geometry: Geometry;
  /** The refcounts as the file has them now. */
  readonly stored: StoredRefcounts;
  readonly fixesFlags: boolean;
  readonly fixesZeros: boolean;
  /** Told of each unaligned host cluster, by its offset in bytes, that is no longer referenced. */
  readonly onReleased: (host: number, times: number) => void;
}

/** What changed in a table: numbers of entries, and the range of bytes; `from` is past `to` when nothing did. */
export interface MendedTable {
  flags: number;
  zeros: number;
  from: number;
  to: number;
}

/** Mends the entries in `view`, of a table that is in use as `use` says. */
export function mendL2Table(view: DataView, use: L2Use, mending: L2Mending): MendedTable {
  const { geometry, fixesZeros } = mending;
  const fixesFlags = mending.fixesFlags && use.active > 0;
  const mended: MendedTable = { flags: 0, zeros: 0, from: Number.POSITIVE_INFINITY, to: 0 };
  const step = geometry.l2EntrySize;
  for (let at = 0; at + step <= view.byteLength; at += step) {
    const high = view.getUint32(at);
    const low = view.getUint32(at + 4);
    if ((high | low) === 0) continue;
    const kind = clusterKind(high, low, geometry);
    if (kind !== L2Kind.normal && kind !== L2Kind.zeroAllocated) continue;
    const host = l2EntryOffset(high, low);
    const alloc = geometry.extendedL2 ? view.getUint32(at + 12) : 0;
    if (fixesZeros && isUnalignedZero(kind, host, alloc, geometry)) {
      view.setUint32(at, 0);
      view.setUint32(at + 4, geometry.extendedL2 ? 0 : ZERO_LOW);
      mending.onReleased(host, use.total);
      mended.zeros++;
    } else if (fixesFlags && isWronglyCopied(high, host, mending)) {
      view.setUint32(at, (high ^ COPIED_HIGH) >>> 0);
      mended.flags++;
    } else continue;
    mended.from = Math.min(mended.from, at);
    mended.to = at + step;
  }
  return mended;
}

// With an external data file every cluster is this image's own.
function isWronglyCopied(high: number, host: number, { geometry, stored }: L2Mending): boolean {
  if (geometry.hasDataFile) return !l2EntryIsCopied(high);
  const index = Math.floor(host / geometry.clusterSize);
  return l2EntryIsCopied(high) !== (stored.get(index) === 1);
}
