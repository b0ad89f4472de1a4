// Gives tables a cluster of their own: copies them, and has the copies named once they and their refcounts are durable.

import type { BlockBackend, IoOptions } from "@qcow/block";
import { l1EntryOffset } from "@qcow/format";
import { activeL1, type ImageScan } from "../check/scan-image.js";
import { readAvailable } from "../tables/read-available.js";
import { findFreeRun } from "./find-free-run.js";
import { writeL1Place } from "./header-fields.js";
import type { Relocation } from "./plan-relocation.js";
import { take } from "./rebuild-refcounts.js";

const ENTRY_BYTES = 8;

/** Copies that are written, but that nothing names yet. */
export interface CopiedTables {
  readonly count: number;
  /** Has them named. The places of the originals are no longer counted as theirs. */
  activate(): Promise<void>;
}

/** Writes the copies to free clusters and counts them; undefined when there are none. */
export async function copyTables(
  backend: BlockBackend,
  scan: ImageScan,
  relocation: Relocation,
  options: IoOptions,
): Promise<CopiedTables | undefined> {
  const { head, references, tables } = scan;
  const { clusterSize } = head.geometry;
  const l1 = activeL1(head);
  const l1Bytes = l1.size * ENTRY_BYTES;
  const l1Clusters = relocation.l1 ? Math.ceil(l1Bytes / clusterSize) : 0;
  const first = findFreeRun(scan, l1Clusters + relocation.l2.length);
  if (first === undefined) return undefined;
  take(scan, first, l1Clusters + relocation.l2.length);
  const moved = new Map<number, number>();
  for (const [index, offset] of relocation.l2.entries()) {
    options.signal?.throwIfAborted();
    const copy = (first + l1Clusters + index) * clusterSize;
    references.counts.add(copy / clusterSize, tables.use(offset).total - 1);
    await backend.write(copy, await readAvailable(backend, offset, clusterSize, head.fileSize, options));
    moved.set(offset, copy);
  }
  const table = await readAvailable(backend, l1.offset, l1Bytes, head.fileSize, options);
  const changed = renameTables(table, moved);
  if (relocation.l1) await backend.write(first * clusterSize, table);
  return {
    count: moved.size + (relocation.l1 ? 1 : 0),
    activate: async () => {
      if (relocation.l1) {
        await writeL1Place(backend, { offset: first * clusterSize, size: l1.size });
        references.remove(l1.offset, l1Bytes);
      } else {
        // Whatever is torn, an entry names the table or its copy.
        await backend.write(l1.offset + changed.from, table.subarray(changed.from, changed.to));
      }
      for (const offset of moved.keys()) references.remove(offset, clusterSize, tables.use(offset).total);
    },
  };
}

// Changes the entries of an L1 table that name what has moved; the range of bytes that changed.
function renameTables(table: Uint8Array, moved: ReadonlyMap<number, number>): { from: number; to: number } {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  let from = table.byteLength;
  let to = 0;
  for (let at = 0; at + ENTRY_BYTES <= table.byteLength; at += ENTRY_BYTES) {
    const high = view.getUint32(at);
    const low = view.getUint32(at + 4);
    const copy = moved.get(l1EntryOffset(high, low));
    if (copy === undefined) continue;
    view.setUint32(at, ((high & 0xff00_0000) | Math.floor(copy / 2 ** 32)) >>> 0);
    view.setUint32(at + 4, ((low & 0x1ff) | (copy % 2 ** 32)) >>> 0);
    from = Math.min(from, at);
    to = at + ENTRY_BYTES;
  }
  return { from: Math.min(from, to), to };
}
