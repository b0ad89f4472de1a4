// An image of the engine as an export. Owns what of the image's map and features each part of the protocol means.

import { type IoOptions, longBuffer } from "@qcow/block";
import {
  type DirtyBitmap,
  type ExtentBatch,
  ExtentFlag,
  type Qcow2Image,
  type Qcow2Reader,
} from "@qcow/engine";
import { AllocationFlag, BASE_ALLOCATION, type NbdExport, type StatusOptions } from "./nbd-export.js";
import type { StatusList } from "./status-list.js";

/** The context that says which layer of the chain has a range: 0 none, 1 the image itself, 2 its backing file, … */
const ALLOCATION_DEPTH = "qemu:allocation-depth";

/** Before the name of a bitmap: the context of its dirty parts. */
const DIRTY_BITMAP = "qemu:dirty-bitmap:";
const DIRTY = 1;

/** The largest size that clients are recommended, in bytes. */
const PREFERRED_BYTES_MAX = 2 * 1024 * 1024;
/** How much of the map is looked at first; more and more while it is all one extent. */
const WINDOW_BYTES = 16 * 1024 * 1024;
const WINDOW_GROWTH = 16;
/** Most bytes that one request can ask to be cached. */
const CACHE_BYTES_MAX = 64 * 1024 * 1024;

export interface ImageExportOptions {
  readonly description?: string | undefined;
  /** Whether clients may only read; always so for a `Qcow2Reader`. */
  readonly readOnly?: boolean | undefined;
  /** Whether space that clients give up is given up; `true` by default. */
  readonly discard?: boolean | undefined;
  /** Bitmaps that clients may ask about, of an image that nobody writes to. */
  readonly bitmaps?: readonly DirtyBitmap[] | undefined;
}

/** An export of `image`, which stays the caller's and must stay open as long as a server has it. */
export function imageExport(image: Qcow2Image | Qcow2Reader, options: ImageExportOptions = {}): NbdExport {
  const disk = readMembers(image, options);
  if (!("write" in image) || options.readOnly === true) return disk;
  return Object.assign(disk, writeMembers(image, options.discard ?? true));
}

function readMembers(
  image: Qcow2Image | Qcow2Reader,
  { description, bitmaps = [] }: ImageExportOptions,
): NbdExport {
  const backingSizes = image.layers.slice(1).map(({ virtualSize }) => virtualSize);
  const byContext = new Map(bitmaps.map((bitmap) => [`${DIRTY_BITMAP}${bitmap.name}`, bitmap]));
  return {
    get size() {
      return image.virtualSize;
    },
    description,
    preferredBytes: Math.min(image.metadata.geometry.clusterSize, PREFERRED_BYTES_MAX),
    multiConnection: true,
    contexts: [BASE_ALLOCATION, ALLOCATION_DEPTH, ...byContext.keys()],
    read: (offset, target, io) => image.read(offset, target, io),
    ...("readNow" in image
      ? { readNow: (offset: number, target: Uint8Array) => image.readNow(offset, target) }
      : {}),
    blockStatus: (context, { offset, length }, list, io) => {
      const bitmap = byContext.get(context);
      if (bitmap !== undefined) return addDirty(bitmap, offset, length, list, io);
      const { extentsMax } = io;
      const add =
        context === BASE_ALLOCATION
          ? allocationOf(list, extentsMax)
          : depthOf(list, extentsMax, backingSizes);
      return addStatus(image, offset, offset + length, add, io);
    },
    cache: (offset, length, io) => readThrough(image, offset, length, io),
  };
}

function writeMembers(image: Qcow2Image, discard: boolean): Partial<NbdExport> {
  const { geometry, header, backingFile, dataFile } = image.metadata;
  // Version 2 has no entry that says zero, and a raw data file has to have the zeros.
  const zeroesAreEntries = (header.version >= 3 || backingFile === undefined) && dataFile?.raw !== true;
  return {
    write: (offset, source, io) => image.write(offset, source, io),
    flush: (io) => image.flush(io),
    writeZeroes: (offset, length, { mayUnmap, signal }) =>
      image.writeZeroes(offset, length, { unmap: mayUnmap && discard, signal }),
    zeroesFast: (offset, length) => zeroesAreEntries && hasWholeCluster(offset, length, geometry.clusterSize),
    ...(discard ? { trim: (offset, length, io) => image.discard(offset, length, io) } : {}),
  };
}

function hasWholeCluster(offset: number, length: number, clusterSize: number): boolean {
  return Math.ceil(offset / clusterSize) * clusterSize + clusterSize <= offset + length;
}

async function addStatus(
  image: Qcow2Image | Qcow2Reader,
  start: number,
  end: number,
  add: (batch: ExtentBatch, index: number) => boolean,
  { extentsMax, signal }: StatusOptions,
): Promise<void> {
  // A client that wants one extent asks again for the next one; looking at all the rest each time would add up.
  let window = extentsMax === 1 ? WINDOW_BYTES : end - start;
  for (let at = start; at < end; at += window, window *= WINDOW_GROWTH) {
    const length = Math.min(window, end - at);
    for await (const batch of image.mapBatches({ offset: at, length }, { signal })) {
      for (let index = 0; index < batch.count; index++) if (!add(batch, index)) return;
    }
  }
}

function allocationOf(list: StatusList, extentsMax: number) {
  return (batch: ExtentBatch, index: number): boolean => {
    const flags = batch.flags[index] as number;
    const hole = (flags & ExtentFlag.data) === 0 ? AllocationFlag.hole : 0;
    const zero = (flags & ExtentFlag.zero) === 0 ? 0 : AllocationFlag.zero;
    return list.add(batch.length[index] as number, hole | zero, extentsMax);
  };
}

/** `backingSizes` are the sizes of the disks below, nearest first. */
function depthOf(list: StatusList, extentsMax: number, backingSizes: readonly number[]) {
  return (batch: ExtentBatch, index: number): boolean => {
    const start = batch.start[index] as number;
    const length = batch.length[index] as number;
    const present = ((batch.flags[index] as number) & ExtentFlag.present) !== 0;
    if (present) return list.add(length, (batch.depth[index] as number) + 1, extentsMax);
    // What no layer has is zeros of the first disk that is too short, as QEMU sees it.
    for (let at = start; at < start + length; ) {
      const short = backingSizes.findIndex((size) => size <= at);
      const ends = backingSizes.filter((size) => size > at);
      const stop = Math.min(start + length, ...ends);
      if (!list.add(stop - at, short === -1 ? 0 : short + 2, extentsMax)) return false;
      at = stop;
    }
    return true;
  };
}

async function addDirty(
  bitmap: DirtyBitmap,
  offset: number,
  length: number,
  list: StatusList,
  { extentsMax, signal }: StatusOptions,
): Promise<void> {
  await bitmap.scan(offset, length, (bytes, dirty) => list.add(bytes, dirty ? DIRTY : 0, extentsMax), {
    signal,
  });
}

/** Reads and forgets: what caches there are below the image keep it. */
async function readThrough(
  image: Qcow2Image | Qcow2Reader,
  offset: number,
  length: number,
  io: IoOptions,
): Promise<void> {
  const end = offset + Math.min(length, CACHE_BYTES_MAX);
  const scratch = longBuffer(Math.min(image.preferredReadBytes, end - offset));
  for (let at = offset; at < end; at += scratch.byteLength) {
    await image.read(at, scratch.subarray(0, end - at), io);
  }
}
