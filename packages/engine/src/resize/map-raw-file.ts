// Maps a part of the disk to the external data file that is a disk by itself (specification: "Header", raw external
// data): every cluster has its entry from the start. A write then changes the data alone, so that the file and the disk
// agree whatever a power loss leaves; QEMU makes such images so.

import type { IoOptions } from "@qcow/block";
import { L2Kind, putL2Entry } from "@qcow/format";
import { clusterKind } from "../mapping/cluster-kind.js";
import type { L2Table } from "../tables/l2-store.js";
import { relieve } from "../write/relieve.js";
import type { WriteContext } from "../write/write-context.js";

/** Gives every cluster of `[start, end)` that has none its entry. Nobody else may be working there. */
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
    const kind = clusterKind(table.view.getUint32(at), table.view.getUint32(at + 4), geometry);
    if (kind !== L2Kind.unallocated) continue;
    putL2Entry(table.view, at, base + entry * clusterSize, true, false);
    if (geometry.extendedL2) {
      table.view.setUint32(at + 8, 0);
      table.view.setUint32(at + 12, 0xffff_ffff);
    }
    table.markDirty(at, l2EntrySize);
  }
}
