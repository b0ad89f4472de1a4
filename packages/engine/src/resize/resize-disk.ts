// Makes the guest's disk longer or shorter. Owns the order: what will show is in place before the header says so, and
// what the header no longer shows is given up before it says so; the size itself is one write.

import type { BlockBackend, IoOptions } from "@qcow/block";
import { L1_TABLE_ENTRIES_MAX } from "@qcow/format";
import { EngineError } from "../engine-error.js";
import type { ImageMetadata } from "../image-metadata.js";
import type { ActiveDisk } from "../write/open-disk.js";
import { RangeLocks } from "../write/range-locks.js";
import type { WriteContext } from "../write/write-context.js";
import { zeroGuest } from "../write/zero-guest.js";
import { growL1 } from "./grow-l1.js";

/** Everything that resizing works with. */
export interface ResizeContext {
  readonly disk: ActiveDisk;
  readonly write: WriteContext;
  readonly metadata: ImageMetadata;
}

/** Throws `QCOW2_UNSUPPORTED_CHANGE` or `QCOW2_IMAGE_TOO_LARGE` when the disk cannot become `size` bytes long. */
export function requireResizable({ metadata, disk }: ResizeContext, size: number): void {
  const { header, geometry, bitmaps, label, snapshots } = metadata;
  if (size === disk.tables.virtualSize) return;
  if (header.version === 2 && snapshots.length > 0) {
    throw new EngineError(
      "QCOW2_UNSUPPORTED_CHANGE",
      `${label} has snapshots, which in version 2 do not record the size of their disk; delete them before resizing`,
    );
  }
  if (Math.ceil(size / geometry.guestBytesPerL2) > L1_TABLE_ENTRIES_MAX) {
    throw new EngineError(
      "QCOW2_IMAGE_TOO_LARGE",
      `a disk of ${size} bytes is too large for clusters of ${geometry.clusterSize} bytes`,
    );
  }
  const short = bitmaps.find(
    ({ inUse, auto, tableSize, granularityBits }) =>
      !inUse && !auto && tableSize * geometry.clusterSize * 8 * 2 ** granularityBits < size,
  );
  if (short === undefined) return;
  throw new EngineError(
    "QCOW2_UNSUPPORTED_CHANGE",
    `${label} has a bitmap that cannot follow the disk to ${size} bytes; remove it before resizing`,
  );
}

/** Makes the disk `size` bytes long, a multiple of 512 more than now. What is new reads as zero. */
export async function growDisk(context: ResizeContext, size: number, options: IoOptions): Promise<void> {
  const { disk, write, metadata } = context;
  const { tables, committer } = disk;
  const oldSize = tables.virtualSize;
  const entries = Math.ceil(size / metadata.geometry.guestBytesPerL2);
  if (entries > tables.l1.size) await growL1(disk, write, entries, options);
  // Callers cannot see beyond the old end before the header says the new one.
  tables.virtualSize = size;
  try {
    if (metadata.geometry.dataFileRaw) await growRawFile(write.dataBackend, oldSize, size);
    else await zeroGuest(write, oldSize, size, true, options);
    await committer.commit();
    await setSize(disk, size);
  } catch (error) {
    tables.virtualSize = oldSize;
    throw error;
  }
}

/** Makes the disk `size` bytes long, a multiple of 512 less than now. What is cut off is lost. */
export async function shrinkDisk(context: ResizeContext, size: number, options: IoOptions): Promise<void> {
  const { disk, write, metadata } = context;
  const { tables, committer } = disk;
  const { clusterSize, guestBytesPerL2, dataFileRaw } = metadata.geometry;
  const end = tables.virtualSize;
  const cut = Math.min(end, Math.ceil(size / clusterSize) * clusterSize);
  const giveUp = async (by: WriteContext): Promise<void> => {
    await zeroGuest(by, size, cut, true, options);
    // Nothing shows through where the disk has ended: entries become empty, whatever lies below.
    if (!dataFileRaw) await zeroGuest({ ...by, belowSize: 0 }, cut, end, true, options);
  };
  await giveUp(write);
  const unlock = await write.locks.lock(0, Number.MAX_SAFE_INTEGER, true, options.signal);
  try {
    // Writes that began before may have come in between. All that is locked now, so it takes locks of its own.
    await giveUp({ ...write, locks: new RangeLocks() });
    const inUse = Math.ceil(size / guestBytesPerL2);
    for (let index = tables.l1.nextPresent(inUse, tables.l1.size); index < tables.l1.size; ) {
      tables.dropTable(index);
      index = tables.l1.nextPresent(index + 1, tables.l1.size);
    }
    await committer.commit();
    await setSize(disk, size);
    tables.virtualSize = size;
  } finally {
    unlock();
  }
  if (dataFileRaw) await write.dataBackend.resize(size);
}

// What the file has behind the end of the disk is cut off, so that what appears is zero.
async function growRawFile(file: BlockBackend, oldSize: number, size: number): Promise<void> {
  if ((await file.size()) > oldSize) await file.resize(oldSize);
  await file.resize(size);
}

async function setSize({ committer, header }: ActiveDisk, size: number): Promise<void> {
  await committer.exclusively(async () => {
    await header.update({ size: BigInt(size) });
    await committer.flushImage();
  });
}
