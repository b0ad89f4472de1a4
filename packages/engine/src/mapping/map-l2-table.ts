// Turns the entries of one L2 table into runs: standard and extended entries, compressed ones, and those
// that make no sense (specification: "L2 table entry", "Extended L2 Entries"). Pure; owns no I/O.

import {
  compressedLength,
  compressedOffset,
  type Geometry,
  L2Kind,
  l2EntryOffset,
  subclusterKind,
  subclusterRunLength,
} from "@qcow/format";
import { clusterKind } from "./cluster-kind.js";
import { invalidOffsetReason } from "./invalid-offset.js";
import { isPlainEntry, plainEntryMask } from "./plain-entry.js";
import type { RunBuilder } from "./run-builder.js";
import { InvalidReason, RunKind } from "./run-list.js";

/** Bytes of a standard entry. */
const PLAIN_ENTRY_BYTES = 8;

/** A part of the guest's disk that one L2 table describes. */
export interface L2Span {
  readonly table: DataView;
  /** Guest offset in bytes of the table's entry 0. */
  readonly base: number;
  /** Guest offsets in bytes; within what the table describes, and not empty. */
  readonly start: number;
  readonly end: number;
}

/** Appends the runs of `span`; stops early after about `entriesMax` entries. Returns the guest offset reached. */
export function mapL2Table(span: L2Span, geometry: Geometry, entriesMax: number, runs: RunBuilder): number {
  const { clusterSize, l2EntrySize } = geometry;
  const first = Math.floor((span.start - span.base) / clusterSize);
  const last = Math.min(Math.ceil((span.end - span.base) / clusterSize), first + Math.max(1, entriesMax));
  const mapEntry = geometry.extendedL2 ? mapExtendedEntry : mapStandardEntry;
  const mayBePlain = !geometry.extendedL2 && !geometry.hasDataFile;
  const mask = plainEntryMask(geometry);
  for (let index = first; index < last; ) {
    const cluster = span.base + index * clusterSize;
    const start = cluster < span.start ? span.start : cluster;
    const next = mayBePlain ? plainRunEnd(span.table, index, last, mask) : index;
    if (next > index) {
      addPlain(span.table, index, start, Math.min(span.end, span.base + next * clusterSize), cluster, runs);
      index = next;
      continue;
    }
    const end = cluster + clusterSize > span.end ? span.end : cluster + clusterSize;
    mapEntry(span.table, index * l2EntrySize, cluster, start, end, geometry, runs);
    index++;
  }
  return Math.min(span.end, span.base + last * clusterSize);
}

/**
 * Where the run of plain entries ends that `index` begins: all empty, or the data of each behind that of the one before. `index`
 * itself when that entry needs a closer look. Nearly all entries of nearly all tables are passed here, by two comparisons each.
 */
function plainRunEnd(table: DataView, index: number, last: number, mask: number): number {
  const high = table.getUint32(index * PLAIN_ENTRY_BYTES);
  const low = table.getUint32(index * PLAIN_ENTRY_BYTES + 4);
  if (!isPlainEntry(high, low, mask)) return index;
  const isEmpty = (high | low) === 0;
  if (!isEmpty && l2EntryOffset(high, low) === 0) return index;
  const step = isEmpty ? 0 : mask + 1;
  let next = index + 1;
  // Past 2^32 nothing is equal, and the next run begins.
  for (let expected = low + step; next < last; expected += step, next++) {
    const at = next * PLAIN_ENTRY_BYTES;
    if (table.getUint32(at + 4) !== expected || table.getUint32(at) !== high) break;
  }
  return next;
}

function addPlain(
  table: DataView,
  index: number,
  start: number,
  end: number,
  cluster: number,
  runs: RunBuilder,
): void {
  const high = table.getUint32(index * PLAIN_ENTRY_BYTES);
  const low = table.getUint32(index * PLAIN_ENTRY_BYTES + 4);
  if ((high | low) === 0) runs.add(start, end - start, RunKind.unallocated, 0, 0);
  else runs.add(start, end - start, RunKind.data, l2EntryOffset(high, low) + (start - cluster), 0);
}

function mapStandardEntry(
  table: DataView,
  at: number,
  cluster: number,
  start: number,
  end: number,
  geometry: Geometry,
  runs: RunBuilder,
): void {
  const high = table.getUint32(at);
  const low = table.getUint32(at + 4);
  const kind = clusterKind(high, low, geometry);
  if (kind === L2Kind.unallocated) {
    runs.add(start, end - start, RunKind.unallocated, 0, 0);
  } else if (kind === L2Kind.compressed) {
    addCompressed(high, low, start, end, geometry, runs);
  } else if (kind === L2Kind.zeroPlain) {
    addZeroPlain(start, end, geometry, runs);
  } else {
    const host = l2EntryOffset(high, low);
    const invalid = invalidOffsetReason(kind, host, cluster, geometry);
    if (invalid >= 0) runs.add(start, end - start, RunKind.invalid, 0, invalid);
    else {
      const run = kind === L2Kind.zeroAllocated ? RunKind.zeroAllocated : RunKind.data;
      runs.add(start, end - start, run, host + (start - cluster), 0);
    }
  }
}

function addZeroPlain(start: number, end: number, geometry: Geometry, runs: RunBuilder): void {
  if (geometry.version >= 3) runs.add(start, end - start, RunKind.zero, 0, 0);
  else runs.add(start, end - start, RunKind.invalid, 0, InvalidReason.zeroFlagInVersion2);
}

function addCompressed(
  high: number,
  low: number,
  start: number,
  end: number,
  geometry: Geometry,
  runs: RunBuilder,
): void {
  if (geometry.hasDataFile) {
    runs.add(start, end - start, RunKind.invalid, 0, InvalidReason.compressedWithDataFile);
    return;
  }
  const host = compressedOffset(high, low, geometry.clusterBits);
  runs.add(start, end - start, RunKind.compressed, host, compressedLength(high, low, geometry.clusterBits));
}

function mapExtendedEntry(
  table: DataView,
  at: number,
  cluster: number,
  start: number,
  end: number,
  geometry: Geometry,
  runs: RunBuilder,
): void {
  const high = table.getUint32(at);
  const low = table.getUint32(at + 4);
  const kind = clusterKind(high, low, geometry);
  if (kind === L2Kind.compressed) {
    addCompressed(high, low, start, end, geometry, runs);
    return;
  }
  const reserved = kind === L2Kind.normal;
  const host = reserved ? l2EntryOffset(high, low) : 0;
  const invalid = reserved ? invalidOffsetReason(kind, host, cluster, geometry) : -1;
  const zero = table.getUint32(at + 8);
  const alloc = table.getUint32(at + 12);
  const size = geometry.subclusterSize;
  let index = Math.floor((start - cluster) / size);
  while (cluster + index * size < end) {
    const next = index + subclusterRunLength(alloc, zero, index);
    const from = Math.max(start, cluster + index * size);
    const to = Math.min(end, cluster + next * size);
    if (invalid >= 0) runs.add(from, to - from, RunKind.invalid, 0, invalid);
    else addSubclusters(subclusterKind(alloc, zero, index), from, to, cluster, host, reserved, runs);
    index = next;
  }
}

function addSubclusters(
  kind: ReturnType<typeof subclusterKind>,
  from: number,
  to: number,
  cluster: number,
  host: number,
  reserved: boolean,
  runs: RunBuilder,
): void {
  const length = to - from;
  const at = reserved ? host + (from - cluster) : 0;
  if (kind === "invalid" || (kind === "allocated" && !reserved)) {
    runs.add(from, length, RunKind.invalid, 0, InvalidReason.subclusterBitmap);
  } else if (kind === "allocated") runs.add(from, length, RunKind.data, at, 0);
  else if (kind === "zero") runs.add(from, length, reserved ? RunKind.zeroAllocated : RunKind.zero, at, 0);
  else runs.add(from, length, reserved ? RunKind.unallocatedReserved : RunKind.unallocated, at, 0);
}
