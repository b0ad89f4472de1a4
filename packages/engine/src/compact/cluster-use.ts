// What each host cluster of an image is used for, as far as moving it is concerned. Owns the classes; counting the
// references is the scan of a check.

import type { BitmapDirectoryEntry } from "@qcow/format";
import { findExtension } from "@qcow/format";
import { MetadataPlaces } from "../allocate/metadata-places.js";
import { ClusterPages } from "../check/cluster-pages.js";
import { hostOffset } from "../check/host-offset.js";
import type { ImageScan } from "../check/scan-image.js";
import { findStructures, type Structure } from "./structure.js";

/** Clusters that compressed streams touch: 1 for each in which one lies. */
export type CompressedClusters = ClusterPages<Uint16Array>;

export interface ClusterUse {
  readonly clusterSize: number;
  /** Clusters of the file, the last of which may be short. */
  readonly clusterCount: number;
  /** How many clusters something references. */
  readonly used: number;
  /** How often cluster `index` is referenced. */
  references(index: number): number;
  /** Whether cluster `index`, which is referenced, may go elsewhere alone: whoever names it can be found and changed. */
  isSingle(index: number): boolean;
  /** Whether compressed streams lie in cluster `index`. */
  isCompressed(index: number): boolean;
  /** Whether cluster `index`, which is free, may be given to something. */
  isUsable(index: number): boolean;
  readonly structures: readonly Structure[];
}

/** What `scan`, in which everything is sound, says. `bitmaps` are those of the image. */
export function clusterUse(
  scan: ImageScan,
  compressed: CompressedClusters,
  bitmaps: readonly BitmapDirectoryEntry[],
): ClusterUse {
  const { head, references, stored, snapshots } = scan;
  const { clusterSize, refcountBlockEntries } = head.geometry;
  const structures = findStructures(head, snapshots, bitmaps);
  const places = new MetadataPlaces(clusterSize);
  places.add(0, clusterSize);
  for (const { offset, length } of structures) places.add(offset, length);
  const crypto = findExtension(head.extensions, "crypto");
  if (crypto !== undefined) places.add(hostOffset(crypto.offset), hostOffset(crypto.length));
  const header = new MetadataPlaces(clusterSize);
  header.add(0, clusterSize);
  for (const { offset, length } of structures) header.add(offset, length);
  for (let index = 0; index < stored.entryCount; index++) {
    const offset = stored.blockOffset(index);
    if (offset !== 0) header.add(offset, clusterSize);
  }
  const headerEnd = header.headerEnd();
  let used = 0;
  for (let index = 0; index < references.clusterCount; index++) if (references.counts.get(index) > 0) used++;
  return {
    clusterSize,
    clusterCount: references.clusterCount,
    used,
    structures,
    references: (index) => references.counts.get(index),
    isSingle: (index) => !places.has(index) && compressed.get(index) === 0,
    isCompressed: (index) => compressed.get(index) !== 0,
    // Behind the structures that the file begins with (what is free between them stays so, as for all data), and
    // where its refcount can be written without a new block.
    isUsable: (index) =>
      index >= headerEnd && stored.blockOffset(Math.floor(index / refcountBlockEntries)) !== 0,
  };
}

/** No cluster is marked yet. */
export function compressedClusters(
  clusterCount: number,
  budget: ConstructorParameters<typeof ClusterPages>[2],
): CompressedClusters {
  return new ClusterPages(clusterCount, (length) => new Uint16Array(length), budget);
}
