// Writes all refcounts anew, table and blocks, and points the header there with one write. Until that write nothing of
// the old structures is touched, and after it nothing needs them.

import type { BlockBackend, IoOptions } from "@qcow/block";
import type { ImageScan } from "../check/scan-image.js";
import { BlockWriter } from "./block-writer.js";
import { findFreeRun } from "./find-free-run.js";
import { writeRefcountTablePlace } from "./header-fields.js";
import { type NewStructures, planStructures } from "./plan-structures.js";
import type { BlockPlaces } from "./sync-refcounts.js";
import type { TargetRefcounts } from "./target-refcounts.js";

const ENTRY_BYTES = 8;

/**
 * Rebuilds the refcounts; durable when it resolves, with where the blocks are. Resolves with undefined when there is no
 * room, with nothing written.
 */
export async function rebuildRefcounts(
  backend: BlockBackend,
  scan: ImageScan,
  target: TargetRefcounts,
  options: IoOptions,
): Promise<BlockPlaces | undefined> {
  const { geometry } = scan.head;
  const { clusterSize } = geometry;
  const free = holdOldStructures(scan);
  const plan = planStructures(target, geometry, (count) => findFreeRun(scan, count));
  if (plan === undefined) return undefined;
  free();
  take(scan, plan.first, plan.blocks.length + plan.tableClusters);

  const places = new Map(plan.blocks.map((index, at) => [index, (plan.first + at) * clusterSize]));
  const tableOffset = (plan.first + plan.blocks.length) * clusterSize;
  const writer = new BlockWriter(backend, geometry, target, options);
  for (const [index, offset] of places) await writer.write(index, offset);
  await writer.append(tableOffset, encodeTable(plan, places, clusterSize));
  await writer.finish();
  await backend.flush();
  options.signal?.throwIfAborted();
  await writeRefcountTablePlace(backend, tableOffset, plan.tableClusters);
  await backend.flush();
  return (index) => places.get(index) ?? 0;
}

/** Counts `count` clusters from `first` on as referenced once, behind the end of the file, too. */
export function take({ references, stored }: ImageScan, first: number, count: number): void {
  references.counts.grow(first + count);
  stored.pages.grow(first + count);
  for (let index = first; index < first + count; index++) references.counts.add(index, 1);
}

// Counts those of the old structures that are not counted yet, so that no new one is put there; what is returned takes
// all of them back.
function holdOldStructures({ references, stored }: ImageScan): () => void {
  const { counts, clusterSize } = references;
  stored.forEachPlace((offset, length, counted) => {
    if (!counted) references.hold(offset, length);
  });
  return () => {
    stored.forEachPlace((offset, length) => {
      references.remove(offset, length);
      // Not even where leaks are kept.
      const last = Math.min(counts.size - 1, Math.floor((offset + length - 1) / clusterSize));
      for (let index = Math.floor(offset / clusterSize); index <= last; index++) {
        if (counts.get(index) === 0) stored.forget(index);
      }
    });
  };
}

function encodeTable(
  plan: NewStructures,
  places: ReadonlyMap<number, number>,
  clusterSize: number,
): Uint8Array {
  const table = new DataView(new ArrayBuffer(plan.tableClusters * clusterSize));
  for (const [index, offset] of places) {
    table.setUint32(index * ENTRY_BYTES, Math.floor(offset / 2 ** 32));
    table.setUint32(index * ENTRY_BYTES + 4, offset % 2 ** 32);
  }
  return new Uint8Array(table.buffer);
}
