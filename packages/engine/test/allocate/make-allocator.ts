// An allocator over a new image in memory, without the rest of a writer.

import { MemoryBackend } from "@qcow/backend-memory";
import { Allocator } from "../../src/allocate/allocator.js";
import type { ClusterRuns } from "../../src/allocate/cluster-runs.js";
import { MetadataPlaces } from "../../src/allocate/metadata-places.js";
import { PendingFrees } from "../../src/allocate/pending-frees.js";
import { RefcountStore } from "../../src/allocate/refcount-store.js";
import { createImage } from "../../src/index.js";
import { readHead } from "../../src/read-head.js";

export interface AllocatorChoices {
  readonly clusterSize?: number;
  readonly refcountBits?: number;
  /** Length of the file in bytes, if not that of the new image. */
  readonly fileSize?: number;
}

export async function makeAllocator(choices: AllocatorChoices = {}) {
  const { clusterSize = 512, refcountBits = 16 } = choices;
  const backend = new MemoryBackend();
  await createImage(backend, { size: 2 ** 20, clusterSize, refcountBits, lazyRefcounts: false });
  if (choices.fileSize !== undefined) await backend.resize(choices.fileSize);
  const { header, geometry, fileSize } = await readHead(backend);
  const store = await RefcountStore.open(backend, header, geometry, fileSize, false);
  const places = new MetadataPlaces(clusterSize);
  places.add(0, clusterSize);
  places.add(Number(header.l1TableOffset), header.l1Size * 8);
  places.add(store.place.offset, store.place.clusters * clusterSize);
  for (let index = 0; index < store.entries; index++)
    if (store.blockOffset(index) !== 0) places.add(store.blockOffset(index), clusterSize);
  const pending = new PendingFrees();
  const corrupt: true[] = [];
  const allocator = new Allocator({
    store,
    places,
    pending,
    fileSize,
    firstCluster: places.headerEnd(),
    label: "an image",
    onCorrupt: () => void corrupt.push(true),
  });
  return { allocator, store, places, pending, corrupt, backend, first: places.headerEnd() };
}

/** The runs as pairs of first cluster and count. */
export function runsOf(runs: ClusterRuns): [number, number][] {
  return Array.from({ length: runs.length }, (_, run) => [runs.first(run), runs.count(run)]);
}
