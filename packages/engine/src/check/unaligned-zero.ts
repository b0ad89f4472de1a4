// The one kind of unaligned L2 entry that can be mended: a host cluster that is kept, but of which the guest reads
// nothing. Here once, for finding it and for mending it.

import { type Geometry, L2Kind } from "@qcow/format";

/**
 * Whether an entry of `kind` (`L2Kind`) keeps the unaligned host cluster at `host` for nothing: the guest reads zeros,
 * or with subclusters what is below. `alloc` are the allocation bits of an extended entry.
 */
export function isUnalignedZero(kind: number, host: number, alloc: number, geometry: Geometry): boolean {
  if (host % geometry.clusterSize === 0) return false;
  return geometry.extendedL2 ? kind === L2Kind.normal && alloc === 0 : kind === L2Kind.zeroAllocated;
}
