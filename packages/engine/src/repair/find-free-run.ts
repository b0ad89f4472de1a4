// Finds clusters for what a repair writes anew. Owns the rule what may be overwritten while the old structures still
// count: what neither the references nor the refcounts know of. Pure.

import type { ImageScan } from "../check/scan-image.js";

/** How far behind the end of the file a place may be, beyond what is needed, in clusters. */
const SKIPPED_MAX = 65536;

/**
 * Index of the first of `count` free clusters in a row, inside the file or behind it; undefined when there are none.
 * No place that anything references is taken, not even one past the end of the file.
 */
export function findFreeRun(scan: ImageScan, count: number): number | undefined {
  const behind = (): number | undefined => runBehind(scan, count);
  const inside = (): number | undefined => runInside(scan, count);
  // Where references are missing a free cluster may be somebody's after all.
  return scan.isDoubtful ? (behind() ?? inside()) : (inside() ?? behind());
}

function isFree({ references, stored }: ImageScan, index: number): boolean {
  return references.counts.get(index) === 0 && stored.get(index) === 0;
}

function runInside(scan: ImageScan, count: number): number | undefined {
  let start = 1;
  for (let index = 1; index < scan.references.clusterCount; index++) {
    if (!isFree(scan, index)) start = index + 1;
    else if (index - start + 1 === count) return start;
  }
  return undefined;
}

function runBehind({ references, stored }: ImageScan, count: number): number | undefined {
  const { clusterSize, clusterCount, counts, outside, hasMoreOutside } = references;
  let start = Math.max(clusterCount, counts.size);
  if (counts.get(start - 1) === 0 && stored.get(start - 1) === 0) start = Math.min(start, clusterCount);
  const limit = start + count + SKIPPED_MAX;
  if (hasMoreOutside) return undefined;
  const ranges = [...outside].sort((a, b) => a.offset - b.offset);
  for (const { offset, length } of ranges) {
    const from = Math.floor(offset / clusterSize);
    const to = Math.ceil((offset + length) / clusterSize);
    if (from < start + count && to > start) start = to;
    if (start > limit) return undefined;
  }
  return start;
}
