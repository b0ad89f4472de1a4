// What each refcount is to become. Owns the rule, and finding where the image does not follow it yet. Pure.

import { PAGE_CLUSTERS } from "../check/cluster-pages.js";
import { refcountLimit } from "../check/compare-refcounts.js";
import type { ImageScan } from "../check/scan-image.js";
import type { RepairMode } from "./repair-report.js";

export class TargetRefcounts {
  readonly #scan: ImageScan;
  readonly #refcountMax: number;
  readonly #keepsHigher: boolean;
  readonly #keepsLower: boolean;

  constructor(scan: ImageScan, mode: RepairMode) {
    this.#scan = scan;
    // What does not fit stays at the most there is: wrapped around it would say that a cluster is free.
    this.#refcountMax = refcountLimit(scan.head.geometry.refcountBits);
    this.#keepsHigher = scan.isDoubtful;
    this.#keepsLower = mode === "leaks";
  }

  /** Number of clusters that have a refcount to be looked at. */
  get size(): number {
    return this.#scan.references.counts.size;
  }

  /** The refcount for a cluster with `counted` references that has `refcount` now. */
  of(counted: number, refcount: number): number {
    let target = Math.min(counted, this.#refcountMax);
    if (this.#keepsHigher && refcount > target) target = refcount;
    if (this.#keepsLower && refcount < target) target = refcount;
    return target;
  }

  /** Whether a cluster of `[first, end)` has another refcount than it should. */
  differs(first: number, end: number): boolean {
    return this.#some(first, end, (target, refcount) => target !== refcount);
  }

  /** Whether a cluster of `[first, end)` should have a refcount at all. */
  isNeeded(first: number, end: number): boolean {
    return this.#some(first, end, (target) => target !== 0);
  }

  /** Calls `put` with each refcount of `[first, end)` that is not 0, and takes note that the image has all of them now. */
  store(first: number, end: number, put: (cluster: number, refcount: number) => void): void {
    const { references, stored } = this.#scan;
    forEachPart(first, Math.min(end, this.size), (page, from, to) => {
      const counted = references.counts.peekPage(page);
      const refcounts = stored.pages.peekPage(page);
      if (counted === undefined && refcounts === undefined) return true;
      const kept = refcounts ?? stored.pages.page(page);
      for (let at = from; at < to; at++) {
        const target = this.of(counted?.[at] ?? 0, kept[at] as number);
        kept[at] = target;
        if (target !== 0) put(page * PAGE_CLUSTERS + at, target);
      }
      return true;
    });
  }

  #some(first: number, end: number, holds: (target: number, refcount: number) => boolean): boolean {
    const { references, stored } = this.#scan;
    const noCounts = references.counts.emptyPage;
    const noRefcounts = stored.pages.emptyPage;
    return !forEachPart(first, Math.min(end, this.size), (page, from, to) => {
      const counted = references.counts.peekPage(page) ?? noCounts;
      const refcounts = stored.pages.peekPage(page) ?? noRefcounts;
      if (counted === noCounts && refcounts === noRefcounts) return true;
      for (let at = from; at < to; at++) {
        const refcount = refcounts[at] as number;
        if (holds(this.of(counted[at] as number, refcount), refcount)) return false;
      }
      return true;
    });
  }
}

// The parts of `[first, end)` that lie in one page each, until `visit` says false; false then.
function forEachPart(
  first: number,
  end: number,
  visit: (page: number, from: number, to: number) => boolean,
): boolean {
  for (let cluster = first; cluster < end; ) {
    const page = Math.floor(cluster / PAGE_CLUSTERS);
    const from = cluster % PAGE_CLUSTERS;
    const to = Math.min(PAGE_CLUSTERS, from + end - cluster);
    if (!visit(page, from, to)) return false;
    cluster += to - from;
  }
  return true;
}
