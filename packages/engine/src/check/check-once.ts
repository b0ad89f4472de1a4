// One pass of a check over an image: count every reference, read every refcount, compare. Never writes.

import type { LongOptions, ReadableBlockBackend } from "@qcow/block";
import { wholeSectors } from "../layers/whole-sectors.js";
import type { CheckReport } from "./check-report.js";
import { compareRefcounts, type RefcountComparison } from "./compare-refcounts.js";
import type { FindingLog } from "./finding-log.js";
import { type ImageScan, scanImage } from "./scan-image.js";

/** What one pass answers; the attempts are counted by the caller. */
export type PassReport = Omit<CheckReport, "attempts" | "fileChanging">;

/** Checks the image in `backend` once. Findings go to `log`. */
export async function checkOnce(
  backend: ReadableBlockBackend,
  log: FindingLog,
  memoryBytesMax: number,
  options: LongOptions,
): Promise<PassReport> {
  const scan = await scanImage(backend, log, memoryBytesMax, options);
  return passReport(scan, compareRefcounts(scan));
}

/** The report on a scan whose refcounts were compared. */
export function passReport(scan: ImageScan, compared: RefcountComparison): PassReport {
  const { head, references, tally, log } = scan;
  const { virtualSize, clusterSize } = head.geometry;
  return {
    totalClusters: Math.ceil(wholeSectors(virtualSize) / clusterSize),
    allocatedClusters: tally.allocated,
    fragmentedClusters: tally.fragmented,
    compressedClusters: tally.compressed,
    imageEndOffset: (compared.highestCluster + 1) * clusterSize,
    leaks: log.leaks,
    corruptions: log.corruptions,
    checkErrors: log.errors,
    findings: log.findings,
    findingsOmitted: log.omitted,
    usedHostClusters: compared.used,
    freeHostClusters: Math.max(0, references.clusterCount - compared.used),
  };
}
