// `check` for people: the words of qemu-img, then for a clean image the two counts that qcow-tool prints.
// Owns the wording.

import type { CheckReport, RepairReport } from "@qcow/engine";

/** The summary, without the findings. */
export function checkText(report: CheckReport): string {
  return [...verdict(report), ...statistics(report)].join("\n");
}

/** What qcow-tool prints of an image with which nothing is wrong; of others, the summary. */
export function qcowToolText(report: CheckReport): string {
  if (!isClean(report)) return checkText(report);
  return ["Qcow file seems intact.", ...blocks(report)].join("\n");
}

/** What a repair did, before the summary of the check after it; nothing when it did nothing. */
export function repairText({ leaksFixed, corruptionsFixed }: RepairReport): string[] {
  if (leaksFixed + corruptionsFixed === 0) return [];
  return [
    "The following inconsistencies were found and repaired:",
    "",
    `    ${leaksFixed} leaked clusters`,
    `    ${corruptionsFixed} corruptions`,
    "",
    "Double checking the fixed image now...",
  ];
}

function isClean({ corruptions, leaks, checkErrors }: CheckReport): boolean {
  return corruptions + leaks + checkErrors === 0;
}

function blocks({ freeHostClusters, usedHostClusters }: CheckReport): string[] {
  return [`Total free blocks: ${freeHostClusters}`, `Total used blocks: ${usedHostClusters}`];
}

function verdict(report: CheckReport): string[] {
  if (isClean(report)) return ["No errors were found on the image.", ...blocks(report)];
  const { corruptions, leaks, checkErrors } = report;
  const lines: string[] = [];
  if (corruptions > 0) {
    lines.push(
      `${corruptions} errors were found on the image.`,
      "Data may be corrupted, or further writes to the image may corrupt it.",
    );
  }
  if (leaks > 0) {
    lines.push(
      `${leaks} leaked clusters were found on the image.`,
      "This means waste of disk space, but no harm to data.",
    );
  }
  if (checkErrors > 0) lines.push(`${checkErrors} parts of the image could not be checked.`);
  return lines;
}

function statistics(report: CheckReport): string[] {
  const { totalClusters, allocatedClusters, fragmentedClusters, compressedClusters, imageEndOffset } = report;
  const lines: string[] = [];
  if (totalClusters > 0 && allocatedClusters > 0) {
    const share = `${allocatedClusters}/${totalClusters} = ${percent(allocatedClusters, totalClusters)} allocated`;
    const fragmented = `${percent(fragmentedClusters, allocatedClusters)} fragmented`;
    lines.push(
      `${share}, ${fragmented}, ${percent(compressedClusters, allocatedClusters)} compressed clusters`,
    );
  }
  if (imageEndOffset > 0) lines.push(`Image end offset: ${imageEndOffset}`);
  return lines;
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(2)}%`;
}
