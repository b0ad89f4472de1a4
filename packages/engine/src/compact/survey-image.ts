// What is known of an image before a round of its compaction: the scan of a check, what each cluster is used for, the plan.
// Owns the refusal of images that are not sound.

import type { BlockBackend } from "@qcow/block";
import { isDirty } from "@qcow/format";
import { MEMORY_BYTES_MAX_DEFAULT } from "../check/check-image.js";
import { PageBudget } from "../check/cluster-pages.js";
import { compareRefcounts } from "../check/compare-refcounts.js";
import { FindingLog } from "../check/finding-log.js";
import { type ImageScan, scanImage } from "../check/scan-image.js";
import { EngineError } from "../engine-error.js";
import { readHead } from "../read-head.js";
import { readBitmapDirectory } from "../tables/read-bitmaps.js";
import { type ClusterUse, clusterUse, compressedClusters } from "./cluster-use.js";
import type { CompactOptions } from "./compact-report.js";
import { type MovePlan, planMoves } from "./plan-moves.js";

/** An image that is sound, and what is to be done to it. */
export interface Survey {
  readonly scan: ImageScan;
  readonly use: ClusterUse;
  readonly plan: MovePlan;
}

/** Scans the image in `backend`, which nothing may be wrong with, and plans a round. */
export async function surveyImage(backend: BlockBackend, options: CompactOptions): Promise<Survey> {
  const { signal, memoryBytesMax = MEMORY_BYTES_MAX_DEFAULT, dryRun } = options;
  const log = new FindingLog(1);
  const clusterSize = (await readHead(backend, { signal })).geometry.clusterSize;
  const clusterCount = Math.ceil((await backend.size({ signal })) / clusterSize) + 1;
  const compressed = compressedClusters(clusterCount, new PageBudget(memoryBytesMax));
  const scan = await scanImage(backend, log, memoryBytesMax, { signal }, (offset, length) => {
    const last = Math.min(Math.floor((offset + length - 1) / clusterSize), clusterCount - 1);
    for (let index = Math.floor(offset / clusterSize); index <= last; index++) compressed.mark(index);
  });
  // Refcounts that are stale are no reason not to say what could be gained.
  const isStale = dryRun === true && isDirty(scan.head.header);
  if (!isStale) compareRefcounts(scan);
  if (!isStale && log.corruptions + log.errors > 0) throw notSound(backend, log);
  const use = clusterUse(scan, compressed, await readBitmapDirectory(backend, scan.head, { signal }));
  return { scan, use, plan: planMoves(use) };
}

/** Says why an image is refused. */
export function notSound({ label }: BlockBackend, { corruptions, errors }: FindingLog): EngineError {
  return new EngineError(
    "QCOW2_CORRUPT",
    `${label} is damaged (a check finds ${corruptions} corruptions and ${errors} errors); repair it before compacting it`,
  );
}
