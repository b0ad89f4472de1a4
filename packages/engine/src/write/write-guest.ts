// Writes to the guest's disk, part by part: each lies in what one L2 table describes. Owns the locking: a write that
// changes no entry shares its clusters with others, one that changes entries has them for itself.

import type { IoOptions } from "@qcow/block";
import { EngineError } from "../engine-error.js";
import { invalidRunError } from "../mapping/invalid-run.js";
import type { L2Span } from "../mapping/map-l2-table.js";
import { executeWrite } from "./execute-write.js";
import { mapRawFile } from "./map-raw-file.js";
import type { GuestBytes } from "./place-run.js";
import { planOverwrite, planWrite, type WritePlan, type WriteRun } from "./plan-write.js";
import { relieve } from "./relieve.js";
import type { WriteContext } from "./write-context.js";

/** Writes `source` at guest offset `offset`. */
export async function writeGuest(
  context: WriteContext,
  offset: number,
  source: Uint8Array,
  options: IoOptions,
): Promise<void> {
  const { guestBytesPerL2 } = context.geometry;
  const end = offset + source.byteLength;
  for (let start = offset; start < end; ) {
    options.signal?.throwIfAborted();
    const index = Math.floor(start / guestBytesPerL2);
    const stop = Math.min(end, (index + 1) * guestBytesPerL2);
    const given = { start, bytes: source.subarray(start - offset, stop - offset) };
    if (!(await overwritePart(context, index, given, options)))
      await writeNewPart(context, index, given, options);
    await relieve(context);
    start = stop;
  }
}

/**
 * Locks the clusters of a part of the disk; `exclusive` for somebody who changes their entries. Rejects
 * `QCOW2_OUT_OF_RANGE` when the disk has become too short for it meanwhile.
 */
export async function lockClusters(
  { geometry, locks, tables, label }: WriteContext,
  start: number,
  end: number,
  exclusive: boolean,
  options: IoOptions,
): Promise<() => void> {
  const { clusterSize } = geometry;
  const last = Math.ceil(end / clusterSize) * clusterSize;
  const unlock = await locks.lock(start - (start % clusterSize), last, exclusive, options.signal);
  if (end <= tables.virtualSize) return unlock;
  unlock();
  throw new EngineError(
    "QCOW2_OUT_OF_RANGE",
    `the disk of ${label} has become ${tables.virtualSize} bytes long; offsets ${start} to ${end} do not lie within it`,
    { offset: start },
  );
}

/** Writes in place if no entry has to change; resolves with whether it did. */
async function overwritePart(
  context: WriteContext,
  index: number,
  given: GuestBytes,
  options: IoOptions,
): Promise<boolean> {
  const { tables } = context;
  if (!tables.isOwn(index)) return false;
  const end = given.start + given.bytes.byteLength;
  const unlock = await lockClusters(context, given.start, end, false, options);
  try {
    const table = await tables.use(index, options);
    if (table === undefined) return false;
    try {
      const span = spanOf(context, index, table.view, given);
      const runs = planOverwrite(span, context.geometry);
      if (runs === undefined || !tables.isOwn(index)) return false;
      // A file that is a disk by itself shows what is written at once: what maps it there must be in the file by now.
      if (context.geometry.dataFileRaw && !table.isInFile) return false;
      await executeWrite(context, table, span, runs, given, options);
      return true;
    } finally {
      tables.done(table);
    }
  } finally {
    unlock();
  }
}

/** Writes where entries have to change. */
async function writeNewPart(
  context: WriteContext,
  index: number,
  given: GuestBytes,
  options: IoOptions,
): Promise<void> {
  const { committer, geometry, tables } = context;
  if (geometry.dataFileRaw) {
    // The entries must be durable before anything shows in the data file.
    const start = index * geometry.guestBytesPerL2;
    const end = Math.min(start + geometry.guestBytesPerL2, tables.virtualSize);
    await mapRawFile(context, start, end, options);
    await committer.commit();
    if (await overwritePart(context, index, given, options)) return;
  }
  await writePart(context, index, given, options);
}

async function writePart(
  context: WriteContext,
  index: number,
  given: GuestBytes,
  options: IoOptions,
): Promise<void> {
  const { tables } = context;
  const end = given.start + given.bytes.byteLength;
  const unlock = await lockClusters(context, given.start, end, true, options);
  try {
    const table = await tables.useForChange(index, options);
    try {
      const span = spanOf(context, index, table.view, given);
      const runs = validRuns(context, planWrite(span, context.geometry));
      await executeWrite(context, table, span, runs, given, options);
    } finally {
      tables.done(table);
    }
  } finally {
    unlock();
  }
}

function spanOf({ geometry }: WriteContext, index: number, table: DataView, given: GuestBytes): L2Span {
  const base = index * geometry.guestBytesPerL2;
  return { table, base, start: given.start, end: given.start + given.bytes.byteLength };
}

function validRuns(context: WriteContext, plan: WritePlan): readonly WriteRun[] {
  if ("runs" in plan) return plan.runs;
  throw invalidRunError(context.label, plan.invalid.guest, plan.invalid.reason);
}
