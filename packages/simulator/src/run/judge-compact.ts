// Judges what a compaction has left, as far as space goes: the file holds what is in use and little else. Owns which free
// clusters may stay: gaps between the tables that the file begins with, and room that no compressed stream fits into.

import { checkImage } from "@qcow/engine";
import type { Files } from "../disk/files.js";
import { require } from "../violation.js";
import { atRest } from "./driver.js";

/** Free clusters that may lie between header, refcount table, refcount block and L1 table. */
const GAPS_MAX = 12;

export async function judgeCompact({ image }: Files): Promise<void> {
  const { freeHostClusters, compressedClusters } = await atRest(checkImage(image), "checking");
  // A stream needs its bytes in a row: up to half of the holes may be too small for the next one.
  const allowed = GAPS_MAX + 2 * compressedClusters;
  require(freeHostClusters <= allowed, () => {
    return `after compacting, ${freeHostClusters} clusters of the file are free`;
  });
}
