// Mends the active L1 table and the L2 tables, in place. Owns which tables may be written at all, and the writes: of
// the bytes that change, tables that touch with one.

import type { BlockBackend, LongOptions } from "@qcow/block";
import { l1EntryIsCopied, l1EntryOffset } from "@qcow/format";
import type { L2Use } from "../check/l2-tables.js";
import { activeL1, type ImageScan } from "../check/scan-image.js";
import { type L2Batch, readL2Batches, tableView } from "../check/scan-l2-tables.js";
import { readAvailable } from "../tables/read-available.js";
import { type L2Mending, mendL2Table } from "./mend-l2-table.js";
import type { RepairPlan } from "./plan-repair.js";

const SECTOR_BYTES = 512;
const ENTRY_BYTES = 8;
const COPIED_HIGH = 0x8000_0000;

/** How much was mended. */
export interface MendedEntries {
  readonly flags: number;
  readonly zeros: number;
}

/**
 * Mends what `plan` says, nothing is flushed. Tables that share a cluster with something else are left as they are:
 * to change one would change the other. References that go are no longer counted in `scan`.
 */
export async function mendTables(
  backend: BlockBackend,
  scan: ImageScan,
  plan: RepairPlan,
  options: LongOptions,
): Promise<MendedEntries> {
  const { tables, references, head, stored } = scan;
  const { geometry } = head;
  const { clusterSize } = geometry;
  const mended = { flags: plan.fixesFlags ? await mendL1(backend, scan, options) : 0, zeros: 0 };
  const mending: L2Mending = {
    geometry,
    stored,
    fixesFlags: plan.fixesFlags,
    fixesZeros: plan.unalignedZeros > 0,
    onReleased: (host, times) => {
      if (!geometry.hasDataFile) references.remove(host, clusterSize, times);
    },
  };
  const isWritable = (offset: number, use: L2Use): boolean => references.countAt(offset) === use.total;
  const offsets = tables.offsets().filter((offset) => {
    const use = tables.use(offset);
    return isWritable(offset, use) && (mending.fixesZeros || use.active > 0);
  });
  await readL2Batches(backend, head.fileSize, offsets, clusterSize, options, async (batch) => {
    const range = { from: Number.POSITIVE_INFINITY, to: 0 };
    for (let index = 0; index < batch.count; index++) {
      const start = index * clusterSize;
      const use = tables.use(batch.base + start);
      const table = mendL2Table(tableView(batch, index, clusterSize), use, mending);
      mended.flags += table.flags * use.active;
      mended.zeros += table.zeros * use.total;
      if (table.to === 0) continue;
      range.from = Math.min(range.from, start + table.from);
      range.to = start + table.to;
    }
    if (range.to > 0) await writeChanged(backend, batch, range.from, range.to);
  });
  return mended;
}

// The flags of the active L1 table.
async function mendL1(backend: BlockBackend, scan: ImageScan, options: LongOptions): Promise<number> {
  const { references, stored, head } = scan;
  const { clusterSize } = head.geometry;
  const { offset, size } = activeL1(head);
  for (let at = offset; at < offset + size * ENTRY_BYTES; at += clusterSize) {
    if (references.countAt(at) !== 1) return 0;
  }
  const bytes = await readAvailable(backend, offset, size * ENTRY_BYTES, head.fileSize, options);
  const view = new DataView(bytes.buffer);
  let flags = 0;
  let from = 0;
  let to = 0;
  for (let at = 0; at + ENTRY_BYTES <= bytes.byteLength; at += ENTRY_BYTES) {
    const high = view.getUint32(at);
    const l2Offset = l1EntryOffset(high, view.getUint32(at + 4));
    if (l2Offset === 0) continue;
    if (l1EntryIsCopied(high) === (stored.get(Math.floor(l2Offset / clusterSize)) === 1)) continue;
    view.setUint32(at, (high ^ COPIED_HIGH) >>> 0);
    if (flags === 0) from = at;
    to = at + ENTRY_BYTES;
    flags++;
  }
  if (flags > 0) await writeChanged(backend, { base: offset, bytes }, from, to);
  return flags;
}

// Whole sectors: what a torn write leaves of them is old or new, entry by entry.
async function writeChanged(
  backend: BlockBackend,
  { base, bytes }: Pick<L2Batch, "base" | "bytes">,
  from: number,
  to: number,
): Promise<void> {
  const start = Math.floor(from / SECTOR_BYTES) * SECTOR_BYTES;
  const end = Math.min(bytes.byteLength, Math.ceil(to / SECTOR_BYTES) * SECTOR_BYTES);
  await backend.write(base + start, bytes.subarray(start, end));
}
