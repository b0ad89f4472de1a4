// `check --json`, and `repair --json`: keys and values of `qemu-img check --output=json`. Owns the names, and which counts are
// left out when they are zero.

import type { CheckReport, RepairReport } from "@qcow/engine";

export interface CheckDocument {
  readonly filename: string;
  readonly format: "qcow2";
  readonly "check-errors": number;
  readonly "image-end-offset"?: number;
  readonly "total-clusters"?: number;
  readonly "allocated-clusters"?: number;
  readonly "fragmented-clusters"?: number;
  readonly "compressed-clusters"?: number;
  readonly corruptions?: number;
  readonly leaks?: number;
  readonly "leaks-fixed"?: number;
  readonly "corruptions-fixed"?: number;
}

export function checkDocument(report: CheckReport, filename: string): CheckDocument {
  return {
    filename,
    format: "qcow2",
    "check-errors": report.checkErrors,
    ...unlessZero("image-end-offset", report.imageEndOffset),
    ...unlessZero("total-clusters", report.totalClusters),
    ...unlessZero("allocated-clusters", report.allocatedClusters),
    ...unlessZero("fragmented-clusters", report.fragmentedClusters),
    ...unlessZero("compressed-clusters", report.compressedClusters),
    ...unlessZero("corruptions", report.corruptions),
    ...unlessZero("leaks", report.leaks),
  };
}

/** The check after a repair, and what was repaired. */
export function repairDocument(
  { after, leaksFixed, corruptionsFixed }: RepairReport,
  filename: string,
): CheckDocument {
  return {
    ...checkDocument(after, filename),
    ...unlessZero("leaks-fixed", leaksFixed),
    ...unlessZero("corruptions-fixed", corruptionsFixed),
  };
}

function unlessZero<K extends keyof CheckDocument>(key: K, count: number): { [P in K]?: number } {
  return count === 0 ? {} : ({ [key]: count } as { [P in K]?: number });
}
