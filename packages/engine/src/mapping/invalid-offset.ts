// Whether the host offset of an entry makes sense. Here once, for reading and for writing.

import { type Geometry, L2Kind } from "@qcow/format";
import { InvalidReason } from "./run-list.js";

/** Why an entry of `kind` at guest offset `cluster` cannot have host offset `host` (`InvalidReason`); -1 if it can. */
export function invalidOffsetReason(kind: number, host: number, cluster: number, geometry: Geometry): number {
  if (kind === L2Kind.zeroAllocated && geometry.version < 3) return InvalidReason.zeroFlagInVersion2;
  if (host % geometry.clusterSize !== 0) return InvalidReason.unaligned;
  if (host > Number.MAX_SAFE_INTEGER) return InvalidReason.pastSafeOffsets;
  if (geometry.hasDataFile && host !== cluster) return InvalidReason.dataFileOffset;
  return -1;
}
