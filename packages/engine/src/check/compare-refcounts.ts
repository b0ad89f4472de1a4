// Compares the refcounts an image stores with the references that were counted. Pure.

import { COUNT_MAX, PAGE_CLUSTERS } from "./cluster-pages.js";
import type { FindingLog } from "./finding-log.js";
import type { References } from "./references.js";
import type { ImageScan } from "./scan-image.js";
import type { StoredRefcounts } from "./stored-refcounts.js";

export interface RefcountComparison {
  /** Index of the last cluster that is referenced or has a refcount; -1 when none is. */
  readonly highestCluster: number;
  /** Clusters that are referenced. */
  readonly used: number;
  /** Clusters whose refcount is higher than the number of references, and lower than it. */
  readonly tooHigh: number;
  readonly tooLow: number;
  /** Clusters that are referenced and have a refcount of 0: an allocator takes them for free. */
  readonly unprotected: number;
  /** Clusters of which either the refcount or the number of references is 1, so that COPIED flags depend on which is right. */
  readonly soleDiffers: number;
}

/** The largest refcount of this width that a check can tell from others. */
export function refcountLimit(refcountBits: number): number {
  return refcountBits >= 32 ? COUNT_MAX : 2 ** refcountBits - 1;
}

/**
 * Reports every cluster whose refcount differs: too high is a leak, too low endangers data. A refcount for a place
 * past the end of the file that nothing references takes no space and is no leak.
 */
export function compareRefcounts({ references, stored, head, log }: ImageScan): RefcountComparison {
  const { refcountBits } = head.geometry;
  const refcountMax = refcountLimit(refcountBits);
  const noCounts = references.counts.emptyPage;
  const noRefcounts = stored.pages.emptyPage;
  const differing = new Differing(references, stored, refcountMax, log);
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
      if (count !== refcount) differing.add(highestCluster, count, refcount);
    }
  }
  const { tooHigh, tooLow, unprotected, soleDiffers } = differing;
  return { highestCluster, used, tooHigh, tooLow, unprotected, soleDiffers };
}

class Differing {
  tooHigh = 0;
  tooLow = 0;
  unprotected = 0;
  soleDiffers = 0;
  readonly #references: References;
  readonly #stored: StoredRefcounts;
  readonly #refcountMax: number;
  readonly #log: FindingLog;

  constructor(references: References, stored: StoredRefcounts, refcountMax: number, log: FindingLog) {
    this.#references = references;
    this.#stored = stored;
    this.#refcountMax = refcountMax;
    this.#log = log;
  }

  add(cluster: number, counted: number, refcount: number): void {
    if ((counted === 1) !== (refcount === 1)) this.soleDiffers++;
    if (!this.#stored.isKnown(cluster)) return;
    const offset = cluster * this.#references.clusterSize;
    const refcountMax = this.#refcountMax;
    const reference = Math.min(counted, refcountMax);
    if (counted > refcountMax) {
      const message = () =>
        `cluster ${cluster} has ${counted} references, its refcount can only be ${refcountMax}`;
      this.#log.corruption("REFCOUNT_TOO_LOW", message, offset, counted - refcountMax);
    }
    if (refcount > reference) {
      this.tooHigh++;
      this.#log.leak(() => `Leaked cluster ${cluster} refcount=${refcount} reference=${reference}`, offset);
    } else if (refcount < reference) {
      this.tooLow++;
      if (refcount === 0) this.unprotected++;
      const message = () => `cluster ${cluster} refcount=${refcount} reference=${reference}`;
      this.#log.corruption("REFCOUNT_TOO_LOW", message, offset);
    }
  }
}
