// What an L2 entry means in the image it stands in: @qcow/format's rules, told what the header says. Here
// once, for reading and for checking alike (specification: "Cluster mapping").

import { type Geometry, l2EntryKind } from "@qcow/format";

/**
 * Kind (`L2Kind`) of the entry with the halves `high` and `low`. With extended L2 entries bit 0 says nothing:
 * zeros are in the subcluster bitmap.
 */
export function clusterKind(high: number, low: number, geometry: Geometry): number {
  return l2EntryKind(high, geometry.extendedL2 ? low & ~1 : low, geometry.hasDataFile);
}
