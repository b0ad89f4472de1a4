// Carries a write plan out: reserve, write the data, then change the entries, all of them at once and only when all
// data is written. Owns that a failure leaves the entries as they were and gives back what was reserved.

import type { IoOptions } from "@qcow/block";
import { type Geometry, putL2Entry } from "@qcow/format";
import type { Reservation } from "../allocate/allocator.js";
import { writeAll } from "../commit/write-pieces.js";
import type { L2Span } from "../mapping/map-l2-table.js";
import type { DirtyPiece } from "../tables/dirty-table.js";
import type { L2Table } from "../tables/l2-store.js";
import { dropEntry } from "./drop-entry.js";
import { type GuestBytes, type Placement, placementsOf, writesFor } from "./place-run.js";
import { subclusterBits, type WriteRun } from "./plan-write.js";
import type { WriteContext } from "./write-context.js";

interface PlacedRun {
  readonly run: WriteRun;
  readonly placements: readonly Placement[];
  readonly reservation: Reservation | undefined;
}

/** Writes `given` as `runs` plan it for `span` of `table`. */
export async function executeWrite(
  context: WriteContext,
  table: L2Table,
  span: L2Span,
  runs: readonly WriteRun[],
  given: GuestBytes,
  options: IoOptions,
): Promise<void> {
  // Before anything is waited for: a copy that is being made would not have what is written now.
  for (const run of runs)
    if (run.action !== "allocate") context.moves.touch(run.host / context.geometry.clusterSize, run.count);
  const placed: PlacedRun[] = [];
  try {
    for (const run of runs) placed.push(await placeRun(context, span, run));
    const writes: DirtyPiece[] = [];
    for (const { run, placements } of placed) {
      for (const placement of placements) {
        for (const write of await writesFor(run, placement, span, given, context, options))
          writes.push(write);
      }
    }
    await writeData(context, writes);
  } catch (error) {
    for (const { reservation } of placed)
      if (reservation !== undefined) await context.allocator.release(reservation.runs);
    throw error;
  }
  for (const { run, placements } of placed) {
    if (run.action !== "overwrite")
      for (const placement of placements) setEntries(context, table, span, run, placement);
  }
}

/** Writes guest data to the file that it lies in. */
export async function writeData(context: WriteContext, writes: readonly DirtyPiece[]): Promise<void> {
  context.committer.requireSound();
  await writeAll(context.dataBackend, writes);
  context.committer.noteData();
  for (const { offset, bytes } of writes) context.observer?.hostWrite?.({ offset, length: bytes.byteLength });
}

async function placeRun(context: WriteContext, span: L2Span, run: WriteRun): Promise<PlacedRun> {
  const { clusterSize, hasDataFile } = context.geometry;
  const needsPlace = run.action === "allocate" && !hasDataFile;
  if (run.action !== "allocate" && !hasDataFile)
    context.allocator.requireData(run.host / clusterSize, run.count);
  const reservation = needsPlace ? await context.allocator.reserve(run.count) : undefined;
  return { run, reservation, placements: placementsOf(run, span, context, reservation) };
}

function setEntries(
  context: WriteContext,
  table: L2Table,
  span: L2Span,
  run: WriteRun,
  placement: Placement,
): void {
  const { geometry, pending } = context;
  const { clusterSize, l2EntrySize } = geometry;
  const { view } = table;
  for (let at = 0; at < placement.count; at++) {
    const index = placement.index + at;
    const entry = index * l2EntrySize;
    if (run.action === "allocate")
      dropEntry(view.getUint32(entry), view.getUint32(entry + 4), geometry, pending, false);
    putL2Entry(view, entry, placement.host + at * clusterSize, true, false);
    if (geometry.extendedL2) setSubclusters(view, entry, span.base + index * clusterSize, run, geometry);
  }
  table.markDirty(placement.index * l2EntrySize, placement.count * l2EntrySize);
}

// What of the cluster at `guest` the run defines is allocated now; the rest is as it was.
function setSubclusters(
  view: DataView,
  entry: number,
  guest: number,
  run: WriteRun,
  geometry: Geometry,
): void {
  const { clusterSize, subclusterSize } = geometry;
  const from = Math.max(run.from - guest, 0);
  const to = Math.min(run.to - guest, clusterSize);
  const bits = subclusterBits(from, to, subclusterSize);
  view.setUint32(entry + 8, (view.getUint32(entry + 8) & ~bits) >>> 0);
  view.setUint32(entry + 12, (view.getUint32(entry + 12) | bits) >>> 0);
}
