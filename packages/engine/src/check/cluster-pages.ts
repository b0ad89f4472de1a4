// One number for each host cluster, in pages that exist only where something was counted: the memory of a
// check follows what an image uses, not how long it claims to be. Owns the paging and its limit.

import { EngineError } from "../engine-error.js";
import { PageSlab } from "./page-slab.js";

/** Clusters of one page, and the shift from a cluster's index to its page. */
export const PAGE_CLUSTERS = 8192;
export const PAGE_SHIFT = 13;
const PAGE_MASK = PAGE_CLUSTERS - 1;

/** Largest number that is counted to. More must not wrap around to a few: damage would look sound. */
export const COUNT_MAX = 0xffff_ffff;

/** Most clusters a file may have to be checked, as with QEMU. */
export const CLUSTERS_MAX = 2 ** 31 - 1;

/** Counts the bytes of all pages of one check. */
export class PageBudget {
  #left: number;

  constructor(bytesMax: number) {
    this.#left = bytesMax;
  }

  /** Takes `bytes`; throws `QCOW2_CHECK_TOO_LARGE` when there are not so many left. */
  take(bytes: number): void {
    this.#left -= bytes;
    if (this.#left >= 0) return;
    throw new EngineError(
      "QCOW2_CHECK_TOO_LARGE",
      "checking this image would take more memory than is allowed",
    );
  }
}

type Page = Uint16Array | Uint32Array;

export class ClusterPages<P extends Page> {
  /** Number of clusters. */
  size: number;
  /** A page of zeros, for where nothing was counted; never written to. Of the same kind as the others, which keeps loops fast. */
  readonly emptyPage: P;
  readonly #pages: (P | undefined)[];
  readonly #slab: PageSlab<P>;
  readonly #budget: PageBudget;

  /** `create` makes an array of that many zeros. */
  constructor(size: number, create: (length: number) => P, budget: PageBudget) {
    this.size = size;
    this.#pages = new Array<P | undefined>(Math.ceil(size / PAGE_CLUSTERS)).fill(undefined);
    this.#slab = new PageSlab(create, PAGE_CLUSTERS);
    this.emptyPage = create(PAGE_CLUSTERS);
    this.#budget = budget;
  }

  /** The number of cluster `index`; 0 for one that was never counted or does not exist. */
  get(index: number): number {
    // Entries can name clusters past 2^32, where shifts would wrap around to others.
    if (index >= this.size) return 0;
    return this.#pages[index >>> PAGE_SHIFT]?.[index & PAGE_MASK] ?? 0;
  }

  /** Adds `times` to the number of cluster `index`, which must exist; stays at `COUNT_MAX` once it is there. */
  add(index: number, times: number): void {
    const page = this.#pages[index >>> PAGE_SHIFT] ?? this.page(index >>> PAGE_SHIFT);
    const at = index & PAGE_MASK;
    page[at] = Math.min((page[at] as number) + times, COUNT_MAX);
  }

  /** Makes the number of cluster `index`, which must exist, at least 1. */
  mark(index: number): void {
    const page = this.page(index >>> PAGE_SHIFT);
    if (page[index & PAGE_MASK] === 0) page[index & PAGE_MASK] = 1;
  }

  /** Takes `times` from the number of cluster `index` again; one that is too large to be known stays as it is. */
  subtract(index: number, times: number): void {
    const page = this.#pages[index >>> PAGE_SHIFT];
    const at = index & PAGE_MASK;
    const count = page?.[at] ?? 0;
    if (page !== undefined && count !== COUNT_MAX) page[at] = Math.max(0, count - times);
  }

  /** Makes the number of cluster `index` 0. */
  clear(index: number): void {
    const page = this.#pages[index >>> PAGE_SHIFT];
    if (page !== undefined) page[index & PAGE_MASK] = 0;
  }

  /** Makes room for `size` clusters, if there is less. */
  grow(size: number): void {
    if (size <= this.size) return;
    this.size = size;
    const pages = Math.ceil(size / PAGE_CLUSTERS);
    while (this.#pages.length < pages) this.#pages.push(undefined);
  }

  /** Page `number`, created if need be. */
  page(number: number): P {
    let page = this.#pages[number];
    if (page === undefined) {
      page = this.#slab.next();
      this.#budget.take(page.byteLength);
      this.#pages[number] = page;
    }
    return page;
  }

  /** Page `number` if something was counted there. */
  peekPage(number: number): P | undefined {
    return this.#pages[number];
  }

  get pageCount(): number {
    return this.#pages.length;
  }
}
