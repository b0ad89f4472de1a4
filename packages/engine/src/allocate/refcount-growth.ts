// Makes the refcount structures longer: new blocks, a larger table, rows of clusters with all the blocks that count them.
// Owns where these lie; only one of its methods may run at a time, but for what they wait for.

import type { EngineError } from "../engine-error.js";
import type { MetadataPlaces } from "./metadata-places.js";
import type { PendingFrees } from "./pending-frees.js";
import { planTableGrowth } from "./plan-table-growth.js";
import type { RefcountStore } from "./refcount-store.js";

/** What it needs of the allocator. */
export interface GrowthSetup {
  readonly store: RefcountStore;
  readonly places: MetadataPlaces;
  readonly pending: PendingFrees;
  /** Gives free clusters a reference. */
  readonly claim: (first: number, count: number) => void;
  /** Loads block `index`, which is there. */
  readonly requireBlock: (index: number) => Promise<void>;
  /** The errors for a cluster that holds metadata although it is free, and for a table that is as large as can be. */
  readonly corrupt: (cluster: number) => EngineError;
  readonly tooLarge: () => EngineError;
}

export class RefcountGrowth {
  readonly #setup: GrowthSetup;

  constructor(setup: GrowthSetup) {
    this.#setup = setup;
  }

  /** Has block `index` in memory, made if need be: all its clusters are free then. */
  async provideBlock(index: number): Promise<void> {
    const { store } = this.#setup;
    if (store.peek(index) !== undefined) return;
    if (store.blockOffset(index) !== 0) await store.load(index);
    else if (index < store.entries) this.#addBlock(index);
    else this.#growTable(index, index + 1);
  }

  /** Reserves `count` clusters in a row from where `virginFrom` says at the earliest; resolves with the first. */
  async reserveRow(count: number, virginFrom: () => number): Promise<number> {
    const { store } = this.#setup;
    let first = virginFrom();
    for (;;) {
      const plan = this.#planRow(first, count);
      if (plan.endBlock > store.entries) {
        this.#growTable(Math.max(store.entries, store.blockIndexOf(first)), plan.endBlock);
        first = virginFrom();
        continue;
      }
      await this.#requireBlocks(first, plan.end);
      // From here on nothing waits, so that nobody else gets one of them.
      const used = this.#lastUsedIn(first, plan.end);
      if (used < 0) return this.#claimRow(first, count, plan.missing);
      first = Math.max(used + 1, virginFrom());
    }
  }

  get #clusterSize(): number {
    return this.#setup.store.geometry.clusterSize;
  }

  // A new block counts itself: it lies in the first of the clusters that it counts.
  #addBlock(index: number): void {
    const { store, places, claim, corrupt } = this.#setup;
    const cluster = index * store.geometry.refcountBlockEntries;
    if (places.has(cluster)) throw corrupt(cluster);
    store.addBlock(index, cluster * this.#clusterSize);
    claim(cluster, 1);
    this.#addPlace(cluster, 1);
  }

  // A larger table, in which block `index` and all up to `entriesMin` have an entry.
  #growTable(index: number, entriesMin: number): void {
    const { store, places, pending, claim, corrupt, tooLarge } = this.#setup;
    const old = store.place;
    const growth = planTableGrowth(index, Math.max(entriesMin, store.entries), store.geometry);
    if (growth === undefined) throw tooLarge();
    const { first, blocks, tableClusters } = growth;
    for (let at = first; at < first + blocks + tableClusters; at++) {
      if (places.has(at)) throw corrupt(at);
    }
    store.moveTable({ offset: (first + blocks) * this.#clusterSize, clusters: tableClusters });
    for (let at = 0; at < blocks; at++) store.addBlock(index + at, (first + at) * this.#clusterSize);
    for (let at = first; at < first + blocks + tableClusters; at++) claim(at, 1);
    this.#addPlace(first, blocks + tableClusters);
    pending.add(old.offset / this.#clusterSize, old.clusters, false);
  }

  // A row of `count` clusters from `first` on, and behind it the blocks that are missing to count them all.
  #planRow(first: number, count: number): { end: number; endBlock: number; missing: number[] } {
    const { store } = this.#setup;
    let missing: number[] = [];
    for (;;) {
      const end = first + count + missing.length;
      const endBlock = store.blockIndexOf(end - 1) + 1;
      const found: number[] = [];
      for (let index = store.blockIndexOf(first); index < endBlock; index++) {
        if (store.blockOffset(index) === 0) found.push(index);
      }
      if (found.length === missing.length) return { end, endBlock, missing };
      missing = found;
    }
  }

  async #requireBlocks(first: number, end: number): Promise<void> {
    const { store, requireBlock } = this.#setup;
    const last = store.blockIndexOf(end - 1);
    for (let index = store.blockIndexOf(first); index <= last; index++)
      if (store.blockOffset(index) !== 0) await requireBlock(index);
  }

  // A block that does not exist has no cluster in use.
  #lastUsedIn(first: number, end: number): number {
    const { store } = this.#setup;
    for (let at = end - 1; at >= first; at--) {
      if (store.blockOffset(store.blockIndexOf(at)) !== 0 && store.get(at) !== 0) return at;
    }
    return -1;
  }

  #claimRow(first: number, count: number, missing: readonly number[]): number {
    missing.forEach((index, at) => {
      this.#setup.store.addBlock(index, (first + count + at) * this.#clusterSize);
    });
    this.#setup.claim(first, count + missing.length);
    this.#addPlace(first + count, missing.length);
    return first;
  }

  #addPlace(first: number, count: number): void {
    this.#setup.places.add(first * this.#clusterSize, count * this.#clusterSize);
  }
}
