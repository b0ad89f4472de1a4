// Makes the guest's disk longer or shorter. Owns the order: what will show is in place before the header says so, and
// what is given up is touched only after the header does not show it any more; the size itself is one write.

import type { BlockBackend, IoOptions } from "@qcow/block";
import { L1_TABLE_ENTRIES_MAX } from "@qcow/format";
import { EngineError } from "../engine-error.js";
import type { ImageMetadata } from "../image-metadata.js";
import { mapRawFile } from "../write/map-raw-file.js";
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
    if (metadata.geometry.dataFileRaw) {
      await growRawFile(write.dataBackend, oldSize, size);
      committer.noteData();
      await mapRawFile(write, oldSize, size, options);
    } else await zeroGuest(write, oldSize, size, true, options);
    await committer.commit();
    await setSize(disk, size);
  } catch (error) {
    tables.virtualSize = oldSize;
    throw error;
  }
}

/** Makes the disk `size` bytes long, a multiple of 512 less than now. What is cut off is lost. */
export async function shrinkDisk(context: ResizeContext, size: number, options: IoOptions): Promise<void> {
  const { disk, write } = context;
  const unlock = await write.locks.lock(0, Number.MAX_SAFE_INTEGER, true, options.signal);
  try {
    // Before that is durable, a power loss must find the bytes that were there.
    await setSize(disk, size);
    try {
      await giveUpTail(context, size);
    } finally {
      disk.tables.virtualSize = size;
    }
  } finally {
    unlock();
  }
}

// What lies behind the new end is given up, so that it never shows again. All is locked, so this takes locks of its own.
async function giveUpTail({ disk, write, metadata }: ResizeContext, size: number): Promise<void> {
  const { tables, committer } = disk;
  const { clusterSize, guestBytesPerL2, dataFileRaw } = metadata.geometry;
  const end = tables.virtualSize;
  if (dataFileRaw) {
    await write.dataBackend.resize(size);
    committer.noteData();
  } else {
    const cut = Math.min(end, Math.ceil(size / clusterSize) * clusterSize);
    const own = { ...write, locks: new RangeLocks() };
    await zeroGuest(own, size, cut, true, {});
    // Nothing shows through where the disk has ended: entries become empty, whatever lies below.
    await zeroGuest({ ...own, belowSize: 0 }, cut, end, true, {});
  }
  const inUse = Math.ceil(size / guestBytesPerL2);
  for (let index = tables.l1.nextPresent(inUse, tables.l1.size); index < tables.l1.size; ) {
    tables.dropTable(index);
    index = tables.l1.nextPresent(index + 1, tables.l1.size);
  }
  await committer.commit();
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
