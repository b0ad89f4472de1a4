// Reads all L2 tables in the order they lie in the file, neighbours together. Owns the batching; nothing is kept,
// and buffers are used again.

import type { LongOptions, ReadableBlockBackend, ReadOptions } from "@qcow/block";
import { inFlight } from "./in-flight.js";
import type { L2Tables } from "./l2-tables.js";
import { type ScanContext, scanL2Table } from "./scan-l2-table.js";
import { SlotBuffers } from "./slot-buffers.js";

/** Most bytes of one read. */
const BATCH_BYTES_MAX = 1024 * 1024;

/** Tables that lie next to each other in the file. */
export interface L2Batch {
  /** Offset of the first in bytes. */
  readonly base: number;
  /** All of them; less when the file ends within the last one. */
  readonly bytes: Uint8Array;
  /** How many. */
  readonly count: number;
}

/** Scans every table of `tables`. Progress is in tables. */
export async function scanL2Tables(
  backend: ReadableBlockBackend,
  fileSize: number,
  tables: L2Tables,
  context: ScanContext,
  options: LongOptions,
): Promise<void> {
  const { clusterSize } = context.geometry;
  await readL2Batches(backend, fileSize, tables.offsets(), clusterSize, options, (batch) => {
    for (let index = 0; index < batch.count; index++) {
      const offset = batch.base + index * clusterSize;
      scanL2Table(tableView(batch, index, clusterSize), offset, tables.use(offset), context);
    }
  });
}

/** The entries of table `index` of a batch. */
export function tableView(batch: L2Batch, index: number, clusterSize: number): DataView {
  const table = batch.bytes.subarray(index * clusterSize, (index + 1) * clusterSize);
  return new DataView(table.buffer, table.byteOffset, table.byteLength);
}

/**
 * Reads the tables at `offsets`, ascending, and hands them to `visit`, batch by batch and several at once; the bytes
 * are the visitor's until it is done. Progress is in tables.
 */
export async function readL2Batches(
  backend: ReadableBlockBackend,
  fileSize: number,
  offsets: Float64Array,
  clusterSize: number,
  options: LongOptions,
  visit: (batch: L2Batch) => void | Promise<void>,
): Promise<void> {
  const batches = planBatches(offsets, clusterSize);
  let done = 0;
  if (offsets.length === 0) options.onProgress?.({ done, total: 0 });
  const buffers = new SlotBuffers();
  const io: ReadOptions = { signal: options.signal, purpose: "metadata" };
  await inFlight(batches.length - 1, async (batch, slot) => {
    options.signal?.throwIfAborted();
    const first = batches[batch] as number;
    const end = batches[batch + 1] as number;
    const base = offsets[first] as number;
    const length = (offsets[end - 1] as number) + clusterSize - base;
    const bytes = buffers.take(slot, Math.min(length, fileSize - base));
    await backend.read(base, bytes, io);
    await visit({ base, bytes, count: end - first });
    done += end - first;
    options.onProgress?.({ done, total: offsets.length });
  });
}

/** Indexes into `offsets` at which a batch begins, and the end: tables that touch are read together. */
export function planBatches(offsets: Float64Array, clusterSize: number): number[] {
  const starts: number[] = [0];
  for (let index = 1; index < offsets.length; index++) {
    const first = offsets[starts[starts.length - 1] as number] as number;
    const offset = offsets[index] as number;
    const touches = offset - (offsets[index - 1] as number) === clusterSize;
    if (!touches || offset + clusterSize - first > BATCH_BYTES_MAX) starts.push(index);
  }
  if (offsets.length > 0) starts.push(offsets.length);
  return starts;
}
