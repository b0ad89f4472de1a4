// Gives up what an L2 entry references. Owns which host clusters that are; they become free with a later commit.

import { compressedLength, compressedOffset, type Geometry, L2Kind, l2EntryOffset } from "@qcow/format";
import type { PendingFrees } from "../allocate/pending-frees.js";
import { clusterKind } from "../mapping/cluster-kind.js";

/**
 * The entry with the halves `high` and `low` is about to go: each host cluster that it references loses a reference.
 * `discarded` says that nothing takes its place.
 */
export function dropEntry(
  high: number,
  low: number,
  geometry: Geometry,
  pending: PendingFrees,
  discarded: boolean,
): void {
  // Clusters of an external data file have no refcounts.
  if (geometry.hasDataFile) return;
  const { clusterBits, clusterSize } = geometry;
  const kind = clusterKind(high, low, geometry);
  if (kind === L2Kind.normal || kind === L2Kind.zeroAllocated) {
    const cluster = l2EntryOffset(high, low) / clusterSize;
    // One that is not aligned makes no sense: which clusters it counts for is unknown. They leak at most.
    if (Number.isInteger(cluster)) pending.add(cluster, 1, discarded);
  } else if (kind === L2Kind.compressed) {
    const start = compressedOffset(high, low, clusterBits);
    const first = Math.floor(start / clusterSize);
    const last = Math.floor((start + compressedLength(high, low, clusterBits) - 1) / clusterSize);
    pending.add(first, last - first + 1, discarded);
  }
}
