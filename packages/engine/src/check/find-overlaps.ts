// Finds metadata that shares a cluster with anything else. Refcounts can be in order all the same: an image
// whose L1 table is also a guest's data, with a refcount of 2, would be destroyed by the guest's next write.

import type { FindingLog } from "./finding-log.js";
import type { L2Tables } from "./l2-tables.js";
import { hex, type References, type TablePlace } from "./references.js";

/** Reports every cluster of a table that has more references than the table itself. To be called when all are counted. */
export function findOverlaps(references: References, tables: L2Tables, log: FindingLog): void {
  for (const place of references.tables) findSharedClusters(place, references, log);
  const { clusterSize } = references;
  for (const offset of tables.offsets()) {
    const { total } = tables.use(offset);
    findSharedClusters({ offset, length: clusterSize, what: "an L2 table", times: total }, references, log);
  }
}

function findSharedClusters(place: TablePlace, references: References, log: FindingLog): void {
  const { clusterSize } = references;
  for (let at = place.offset; at < place.offset + place.length; at += clusterSize) {
    const count = references.countAt(at);
    if (count <= place.times) continue;
    const others = count - place.times;
    const message = () =>
      `${place.what} lies in the cluster at offset ${hex(at)}, which is referenced ${others} more times`;
    log.corruption("CLUSTER_OVERLAP", message, at);
  }
}
