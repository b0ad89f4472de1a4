// `compact --json`. Owns the names.

import type { CompactReport } from "@qcow/engine";
import type { DiskDigest } from "./disk-digests.js";

export interface CompactDocument {
  readonly filename: string;
  readonly "dry-run": boolean;
  /** Length of the file in bytes, before and after; with `dry-run`, as it would be. */
  readonly "size-before": number;
  readonly "size-after": number;
  /** Of a block device, whose length stays: where the image ends, or would. */
  readonly "image-end-offset"?: number;
  readonly "cluster-size": number;
  /** Clusters that have a new place; with `dry-run`, an estimate. */
  readonly "clusters-moved": number;
  readonly "bytes-copied": number;
  readonly "references-changed": number;
  readonly "leaks-fixed": number;
  /** With `--defragment`: as `check` counts them; after it not with `dry-run`. */
  readonly "fragmented-clusters-before"?: number;
  readonly "fragmented-clusters-after"?: number;
  /** With `--verify`: what the guest reads, the same before and after. */
  readonly digests?: readonly DiskDigest[];
}

export interface CompactFacts {
  readonly filename: string;
  /** Where the image ends, when that is not where its file does. */
  readonly imageEnd?: number | undefined;
  readonly digests?: readonly DiskDigest[] | undefined;
}

export function compactDocument(
  report: CompactReport,
  { filename, imageEnd, digests }: CompactFacts,
): CompactDocument {
  return {
    filename,
    "dry-run": report.dryRun,
    "size-before": report.sizeBefore,
    "size-after": imageEnd === undefined ? report.sizeAfter : report.sizeBefore,
    ...(imageEnd === undefined ? {} : { "image-end-offset": imageEnd }),
    "cluster-size": report.clusterSize,
    "clusters-moved": report.clustersMoved,
    "bytes-copied": report.bytesCopied,
    "references-changed": report.referencesChanged,
    "leaks-fixed": report.leaksFixed,
    ...(report.fragmentedBefore === undefined
      ? {}
      : { "fragmented-clusters-before": report.fragmentedBefore }),
    ...(report.fragmentedAfter === undefined ? {} : { "fragmented-clusters-after": report.fragmentedAfter }),
    ...(digests === undefined ? {} : { digests }),
  };
}
