// Compares the refcounts an image stores with the references that were counted. Pure.

import { PAGE_CLUSTERS } from "./cluster-pages.js";
import type { FindingLog } from "./finding-log.js";
import type { References } from "./references.js";
import type { StoredRefcounts } from "./stored-refcounts.js";

export interface RefcountComparison {
  /** Index of the last cluster that is referenced or has a refcount; -1 when none is. */
  readonly highestCluster: number;
  /** Clusters that are referenced. */
  readonly used: number;
}

/**
 * Reports every cluster whose refcount differs: too high is a leak, too low endangers data. A refcount for a place
 * past the end of the file that nothing references takes no space and is no leak.
 */
export function compareRefcounts(
  references: References,
  stored: StoredRefcounts,
  refcountBits: number,
  log: FindingLog,
): RefcountComparison {
  const refcountMax = refcountBits >= 32 ? 0xffff_ffff : 2 ** refcountBits - 1;
  const noCounts = references.counts.emptyPage;
  const noRefcounts = stored.pages.emptyPage;
  let highestCluster = -1;
  let used = 0;
  for (let number = 0; number < references.counts.pageCount; number++) {
    const counted = references.counts.peekPage(number) ?? noCounts;
    const refcounts = stored.pages.peekPage(number) ?? noRefcounts;
    if (counted === noCounts && refcounts === noRefcounts) continue;
    const base = number * PAGE_CLUSTERS;
    const length = Math.min(PAGE_CLUSTERS, references.counts.size - base);
    for (let at = 0; at < length; at++) {
      const count = counted[at] as number;
      const refcount = refcounts[at] as number;
      if (count === 0 && (refcount === 0 || base + at >= references.clusterCount)) continue;
      highestCluster = base + at;
      if (count !== 0) used++;
      if (count !== refcount) {
        report(highestCluster, count, refcount, refcountMax, references, stored, log);
      }
    }
  }
  return { highestCluster, used };
}

function report(
  cluster: number,
  counted: number,
  refcount: number,
  refcountMax: number,
  references: References,
  stored: StoredRefcounts,
  log: FindingLog,
): void {
  if (!stored.isKnown(cluster)) return;
  const offset = cluster * references.clusterSize;
  const reference = Math.min(counted, refcountMax);
  if (counted > refcountMax) {
    const message = () =>
      `cluster ${cluster} has ${counted} references, its refcount can only be ${refcountMax}`;
    log.corruption("REFCOUNT_TOO_LOW", message, offset, counted - refcountMax);
  }
  if (refcount > reference) {
    log.leak(() => `Leaked cluster ${cluster} refcount=${refcount} reference=${reference}`, offset);
  } else if (refcount < reference) {
    const message = () => `cluster ${cluster} refcount=${refcount} reference=${reference}`;
    log.corruption("REFCOUNT_TOO_LOW", message, offset);
  }
}
