// Writes the refcounts that are not what they should be, in place. A torn write leaves some refcounts old and some
// new, and each of them is right by itself: this is safe at every instant.

import type { BlockBackend, IoOptions } from "@qcow/block";
import type { ImageScan } from "../check/scan-image.js";
import { readAvailable } from "../tables/read-available.js";
import { BlockWriter } from "./block-writer.js";
import type { TargetRefcounts } from "./target-refcounts.js";

/** Offset in bytes of refcount block `index`; 0 when there is none. */
export type BlockPlaces = (index: number) => number;

/** Writes the blocks that differ. Resolves with how many they were; nothing is flushed. */
export async function syncRefcounts(
  backend: BlockBackend,
  scan: ImageScan,
  target: TargetRefcounts,
  places: BlockPlaces,
  options: IoOptions,
): Promise<number> {
  const { geometry, fileSize } = scan.head;
  const { refcountBlockEntries, clusterSize } = geometry;
  const writer = new BlockWriter(backend, geometry, target, options);
  for (let index = 0; index * refcountBlockEntries < target.size; index++) {
    const offset = places(index);
    const first = index * refcountBlockEntries;
    const end = first + refcountBlockEntries;
    if (offset === 0 || !target.differs(first, end)) continue;
    // What was cut off may be wanted again: its refcounts stay, as do those of leaks.
    const keepsOld = scan.isDoubtful && end > target.size;
    const old = keepsOld ? await readAvailable(backend, offset, clusterSize, fileSize, options) : undefined;
    await writer.write(index, offset, old);
  }
  await writer.finish();
  return writer.count;
}
