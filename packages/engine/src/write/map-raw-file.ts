// Maps a part of the disk to the external data file that is a disk by itself (specification: "Header", raw external
// data): every cluster has its entry from the start. A write then changes the data alone, so that the file and the disk
// agree whatever a power loss leaves; QEMU makes such images so.

import type { IoOptions } from "@qcow/block";
import { type Geometry, L2Kind, putL2Entry } from "@qcow/format";
import { clusterKind } from "../mapping/cluster-kind.js";
import type { L2Table } from "../tables/l2-store.js";
import { relieve } from "./relieve.js";
import type { WriteContext } from "./write-context.js";

/**
 * Gives every cluster of `[start, end)` its entry, and says of no part of it that it is zero: what reads as zero is zero
 * in the file. So nothing reads differently, whoever else works there. Not durable before a commit.
 */
export async function mapRawFile(
  context: WriteContext,
  start: number,
  end: number,
  options: IoOptions,
): Promise<void> {
  const { geometry, tables } = context;
  for (let at = start; at < end; ) {
    options.signal?.throwIfAborted();
    const index = Math.floor(at / geometry.guestBytesPerL2);
    const stop = Math.min(end, (index + 1) * geometry.guestBytesPerL2);
    const table = await tables.useForChange(index, options);
    try {
      mapClusters(context, table, index, at, stop);
    } finally {
      tables.done(table);
    }
    await relieve(context);
    at = stop;
  }
}

function mapClusters(
  { geometry }: WriteContext,
  table: L2Table,
  index: number,
  start: number,
  end: number,
): void {
  const { clusterSize, guestBytesPerL2, l2EntrySize } = geometry;
  const base = index * guestBytesPerL2;
  const last = Math.ceil((end - base) / clusterSize);
  for (let entry = Math.floor((start - base) / clusterSize); entry < last; entry++) {
    const at = entry * l2EntrySize;
    if (!lacksMapping(table.view, at, geometry)) continue;
    putL2Entry(table.view, at, base + entry * clusterSize, true, false);
    if (geometry.extendedL2) {
      table.view.setUint32(at + 8, 0);
      table.view.setUint32(at + 12, 0xffff_ffff);
    }
    table.markDirty(at, l2EntrySize);
  }
}

function lacksMapping(table: DataView, at: number, geometry: Geometry): boolean {
  const kind = clusterKind(table.getUint32(at), table.getUint32(at + 4), geometry);
  // Such an entry makes no sense here, and whoever wants its contents is told.
  if (kind === L2Kind.compressed) return false;
  if (kind !== L2Kind.normal) return true;
  return geometry.extendedL2 && table.getUint32(at + 12) !== 0xffff_ffff;
}
