// `compact` for people. Owns the wording; the two sentences about a file are those of qcow-tool.

import { humanSize } from "@qcow/cli-kit";
import { printable } from "@qcow/format";
import type { CompactDocument } from "./compact-document.js";
import { diskName } from "./disk-digests.js";

const MIB = 1024 * 1024;

export function compactText(document: CompactDocument): string {
  return [gainLine(document), ...orderLines(document), ...digestLines(document)].join("\n");
}

function orderLines(document: CompactDocument): string[] {
  const { "fragmented-clusters-before": before, "fragmented-clusters-after": after } = document;
  if (before === undefined) return [];
  if (after === undefined) return [`Its disk has ${counted(before)} that do not follow their neighbour.`];
  return [`Its disk had ${counted(before)} that did not follow their neighbour, and has ${after} now.`];
}

function counted(clusters: number): string {
  return clusters === 1 ? "1 cluster" : `${clusters} clusters`;
}

function gainLine(document: CompactDocument): string {
  const { "dry-run": dryRun, "image-end-offset": end } = document;
  const gained = document["size-before"] - document["size-after"];
  if (end !== undefined) {
    const verb = dryRun ? "would end" : "ends";
    return `${printable(document.filename)} is a block device, so its length stays. The image in it ${verb} after ${humanSize(end)} (${end} bytes).`;
  }
  if (gained <= 0) {
    return dryRun
      ? "The file would not be any smaller. Consider running `discard`."
      : "I couldn't make the file any smaller. Consider running `discard`.";
  }
  return `The file ${dryRun ? "would be" : "is now"} ${Math.floor(gained / MIB)} MiB smaller.`;
}

function digestLines({ digests = [] }: CompactDocument): string[] {
  return digests.map((disk) => {
    const name = diskName(disk);
    return `${name.charAt(0).toUpperCase()}${name.slice(1)} reads as before: ${disk.algorithm} ${disk.digest}`;
  });
}
