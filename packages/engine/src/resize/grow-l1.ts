// Gives the active L1 table more entries (specification: "Header", l1_size and l1_table_offset): in the rest of its last
// cluster, or in a new place that the header names with one write. Owns that the old table stays valid until then.

import type { IoOptions } from "@qcow/block";
import { writePieces } from "../commit/write-pieces.js";
import { DirtyTable } from "../tables/dirty-table.js";
import type { ActiveDisk } from "../write/open-disk.js";
import type { WriteContext } from "../write/write-context.js";

const ENTRY_BYTES = 8;

/** Makes the L1 table `entries` entries long, more than it has. Durable when it resolves. */
export async function growL1(
  disk: ActiveDisk,
  { geometry, locks }: WriteContext,
  entries: number,
  options: IoOptions,
): Promise<void> {
  const { tables } = disk;
  // Nobody may change the table while it is in two places.
  const unlock = await locks.lock(0, Number.MAX_SAFE_INTEGER, true, options.signal);
  try {
    const room = tables.l1Table.bytes.byteLength / ENTRY_BYTES;
    await (entries <= room ? growInPlace(disk, entries) : grow(disk, entries, geometry.clusterSize));
  } finally {
    unlock();
  }
}

async function growInPlace({ tables, committer, header }: ActiveDisk, entries: number): Promise<void> {
  const { l1Table, l1 } = tables;
  await committer.exclusively(async () => {
    // What lies behind the last entry in the file is unknown.
    l1Table.markDirty(l1.size * ENTRY_BYTES, (entries - l1.size) * ENTRY_BYTES);
    await committer.commitMetadata();
    await header.update({ l1Size: entries });
    await committer.flushImage();
    tables.replaceL1(l1Table, entries);
  });
}

async function grow(disk: ActiveDisk, entries: number, clusterSize: number): Promise<void> {
  const clusters = Math.ceil((entries * ENTRY_BYTES) / clusterSize);
  await moveL1(disk, entries, await disk.allocator.reserveInARow(clusters), clusterSize);
}

/**
 * Moves the L1 table to the clusters from `first` on, which are reserved for it, and gives it `entries` entries, at least
 * as many as it has. Nobody may change it meanwhile.
 */
export async function moveL1(
  disk: ActiveDisk,
  entries: number,
  first: number,
  clusterSize: number,
): Promise<void> {
  const { tables, committer, header, places, pending } = disk;
  const clusters = Math.ceil((entries * ENTRY_BYTES) / clusterSize);
  const old = tables.l1Table;
  const moved = new DirtyTable(first * clusterSize, new Uint8Array(clusters * clusterSize), true);
  try {
    await committer.exclusively(async () => {
      await committer.commitMetadata();
      moved.bytes.set(old.bytes.subarray(0, tables.l1.size * ENTRY_BYTES));
      await writePieces(committer.imageBackend, moved.takeDirty());
      await committer.flushImage();
    });
  } catch (error) {
    pending.add(first, clusters, false);
    throw error;
  }
  await committer.exclusively(async () => {
    try {
      await header.update({ l1TableOffset: BigInt(moved.offset), l1Size: entries });
    } catch (error) {
      // The header may name either table now, and a later change would go to one of them only.
      throw committer.fail(error);
    }
    await committer.flushImage();
  });
  moved.isNew = false;
  places.add(moved.offset, moved.bytes.byteLength);
  tables.replaceL1(moved, entries);
  const oldClusters = old.bytes.byteLength / clusterSize;
  if (oldClusters > 0) pending.add(old.offset / clusterSize, oldClusters, true);
}
