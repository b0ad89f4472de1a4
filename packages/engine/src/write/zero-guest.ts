// Makes a part of the guest's disk read as zero: `writeZeroes` and `discard`. Each L2 table is changed once however long
// the range is. Owns what happens at the ends of the range, and to images whose entries cannot say zero.

import type { IoOptions } from "@qcow/block";
import { putL2Entry } from "@qcow/format";
import { isAllZero } from "../decode/find-data.js";
import type { L2Table } from "../tables/l2-store.js";
import { dropEntry } from "./drop-entry.js";
import { subclusterBits } from "./plan-write.js";
import { planZero, ZeroAction } from "./plan-zero.js";
import { relieve } from "./relieve.js";
import { isEmptyBelow, type WriteContext } from "./write-context.js";
import { lockClusters, writeGuest } from "./write-guest.js";

/** Zeros that are written at once. */
const ZERO_BYTES = 1024 * 1024;

/** A part of the guest's disk, in bytes. */
interface Range {
  readonly start: number;
  readonly end: number;
}

/** Makes `[start, end)` read as zero; with `unmap`, whole clusters are given up. */
export async function zeroGuest(
  context: WriteContext,
  start: number,
  end: number,
  unmap: boolean,
  options: IoOptions,
): Promise<void> {
  const { dataFileRaw, guestBytesPerL2, subclusterSize } = context.geometry;
  // The data file is a disk by itself: what reads as zero must be zero in it.
  if (dataFileRaw) return await zeroRawDataFile(context, { start, end }, unmap, options);
  const from = Math.min(end, Math.ceil(start / subclusterSize) * subclusterSize);
  // A disk may end within a cluster, of which then nothing is left.
  const to = end === context.tables.virtualSize ? end : Math.max(from, end - (end % subclusterSize));
  if (start < from) await writeZeros(context, { start, end: from }, options);
  for (let at = from; at < to; ) {
    options.signal?.throwIfAborted();
    const index = firstInUse(context, at, to);
    const base = index * guestBytesPerL2;
    if (base > at) {
      at = base;
      continue;
    }
    const stop = Math.min(to, base + guestBytesPerL2);
    for (const range of await zeroPart(context, index, { start: at, end: stop }, unmap, options)) {
      await writeZeros(context, range, options);
    }
    await relieve(context);
    at = stop;
  }
  if (to < end) await writeZeros(context, { start: to, end }, options);
}

/** Index of the first L2 table from `at` on that may have to change; there may be millions that are not there. */
function firstInUse(context: WriteContext, at: number, end: number): number {
  const { guestBytesPerL2 } = context.geometry;
  const index = Math.floor(at / guestBytesPerL2);
  if (!isEmptyBelow(context, at)) return index;
  return context.tables.l1.nextPresent(index, Math.ceil(end / guestBytesPerL2));
}

async function zeroRawDataFile(
  context: WriteContext,
  range: Range,
  unmap: boolean,
  options: IoOptions,
): Promise<void> {
  if (unmap) {
    const unlock = await lockClusters(context, range.start, range.end, true, options);
    try {
      await punchDataFile(context, [range]);
    } finally {
      unlock();
    }
  }
  // Where the host cannot make holes, and where it can, to be sure.
  await writeZeros(context, range, options);
}

/** Changes the entries of one table; resolves with the ranges that want zeros to be written. */
async function zeroPart(
  context: WriteContext,
  index: number,
  range: Range,
  unmap: boolean,
  options: IoOptions,
): Promise<Range[]> {
  const { tables } = context;
  if (tables.l1.l2Offset(index) === 0 && isEmptyBelow(context, range.start)) return [];
  const unlock = await lockClusters(context, range.start, range.end, true, options);
  try {
    const table = await tables.useForChange(index, options);
    try {
      const changed = changeEntries(context, table, index, range, unmap);
      if (changed.punch.length > 0) await punchDataFile(context, changed.punch);
      return changed.write;
    } finally {
      tables.done(table);
    }
  } finally {
    unlock();
  }
}

function changeEntries(
  context: WriteContext,
  table: L2Table,
  index: number,
  { start, end }: Range,
  unmap: boolean,
): { write: Range[]; punch: Range[] } {
  const { geometry, tables } = context;
  const { clusterSize, guestBytesPerL2, l2EntrySize, subclusterSize } = geometry;
  const base = index * guestBytesPerL2;
  const write: Range[] = [];
  const punch: Range[] = [];
  const last = Math.ceil((end - base) / clusterSize);
  for (let entry = Math.floor((start - base) / clusterSize); entry < last; entry++) {
    const guest = base + entry * clusterSize;
    const from = Math.max(start, guest);
    const to = Math.min(end, guest + clusterSize);
    // The disk may have grown since: what was its end then can lie within a subcluster now.
    const windowEnd = to === tables.virtualSize ? clusterSize : to - guest - ((to - guest) % subclusterSize);
    const stop = Math.min(to, guest + windowEnd);
    if (from < stop) {
      const subclusters = geometry.extendedL2
        ? subclusterBits(from - guest, windowEnd, subclusterSize)
        : 0xffff_ffff;
      const request = { subclusters, unmap, emptyBelow: isEmptyBelow(context, guest) };
      const action = planZero(table.view, entry * l2EntrySize, request, geometry);
      if (action === ZeroAction.write) addRange(write, from, stop);
      else if (action !== ZeroAction.none) {
        applyZero(context, table, entry * l2EntrySize, action, subclusters, unmap);
        if (geometry.hasDataFile && unmap) addRange(punch, from, stop);
      }
    }
    if (stop < to) addRange(write, Math.max(from, stop), to);
  }
  return { write, punch };
}

function applyZero(
  { geometry, pending }: WriteContext,
  table: L2Table,
  at: number,
  action: number,
  subclusters: number,
  unmap: boolean,
): void {
  const { view } = table;
  const high = view.getUint32(at);
  const low = view.getUint32(at + 4);
  table.markDirty(at, geometry.l2EntrySize);
  if (action === ZeroAction.subclusters) {
    view.setUint32(at + 8, (view.getUint32(at + 8) | subclusters) >>> 0);
    view.setUint32(at + 12, (view.getUint32(at + 12) & ~subclusters) >>> 0);
    return;
  }
  if (action === ZeroAction.zeroAllocated) {
    view.setUint32(at + 4, (low | 1) >>> 0);
    return;
  }
  dropEntry(high, low, geometry, pending, unmap);
  const saysZero = action === ZeroAction.zeroPlain;
  putL2Entry(view, at, 0, false, saysZero && !geometry.extendedL2);
  if (!geometry.extendedL2) return;
  view.setUint32(at + 8, saysZero ? 0xffff_ffff : 0);
  view.setUint32(at + 12, 0);
}

function addRange(ranges: Range[], start: number, end: number): void {
  const last = ranges[ranges.length - 1];
  if (last !== undefined && last.end === start) ranges[ranges.length - 1] = { start: last.start, end };
  else ranges.push({ start, end });
}

// In a data file, a cluster has its place for good. Zeros there are what it may read as from now on, whether or not
// the entry is durable; so the hole is made while nobody else can write to it.
async function punchDataFile(context: WriteContext, ranges: readonly Range[]): Promise<void> {
  if (!context.punchHoles) return;
  for (const { start, end } of ranges) {
    await context.dataBackend.discard?.(start, end - start).catch(() => undefined);
    context.committer.noteData();
  }
}

/** Writes zeros where the disk does not read as zero already. */
async function writeZeros(context: WriteContext, { start, end }: Range, options: IoOptions): Promise<void> {
  const zeros = new Uint8Array(Math.min(ZERO_BYTES, end - start));
  const present = new Uint8Array(zeros.byteLength);
  for (let at = start; at < end; at += zeros.byteLength) {
    options.signal?.throwIfAborted();
    const length = Math.min(zeros.byteLength, end - at);
    const target = present.subarray(0, length);
    if (await readsAsZero(context, at, target, options)) continue;
    await writeGuest(context, at, zeros.subarray(0, length), options);
  }
}

async function readsAsZero(
  context: WriteContext,
  offset: number,
  target: Uint8Array,
  options: IoOptions,
): Promise<boolean> {
  const unlock = await lockClusters(context, offset, offset + target.byteLength, false, options);
  try {
    const inside = Math.max(0, Math.min(target.byteLength, context.tables.virtualSize - offset));
    target.fill(0, inside);
    if (inside > 0) await context.readUnlocked(offset, target.subarray(0, inside), options);
  } finally {
    unlock();
  }
  return isAllZero(target);
}
