// Gives out host clusters and takes them back: lowest first, in a row where there is room. A cluster that is given
// out has its refcount raised in memory at once, so nobody else gets it; its user links it, or releases it. Owns the
// search and the growth of the refcount structures; when refcounts reach the file is the committer's business.

import { nextZeroRefcount, refcountAt } from "@qcow/format";
import { EngineError } from "../engine-error.js";
import { ClusterRuns } from "./cluster-runs.js";
import { FreeHints } from "./free-hints.js";
import type { MetadataPlaces } from "./metadata-places.js";
import { Mutex } from "./mutex.js";
import type { PendingFrees } from "./pending-frees.js";
import { planTableGrowth } from "./plan-table-growth.js";
import type { RefcountStore } from "./refcount-store.js";

/** Clusters that were given out. */
export interface Reservation {
  readonly runs: ClusterRuns;
  /** Runs from this cluster on were never used: the file reads as zero there. */
  readonly virginFrom: number;
}

export interface AllocatorOptions {
  readonly store: RefcountStore;
  readonly places: MetadataPlaces;
  readonly pending: PendingFrees;
  /** Length of the image file in bytes. */
  readonly fileSize: number;
  /** First cluster that may be given out. */
  readonly firstCluster: number;
  readonly label: string;
  /** Called when a cluster that holds metadata has a refcount of 0: the image is corrupt. */
  readonly onCorrupt: () => void;
  /** For the proof that the simulator bites: freed clusters are given out before the file knows. */
  readonly reuseFreedAtOnce?: boolean | undefined;
}

/** Highest host offset that an L2 entry can name, exclusive; what numbers can count is less. */
const HOST_BYTES_MAX = Number.MAX_SAFE_INTEGER;

export class Allocator {
  readonly #options: AllocatorOptions;
  readonly #store: RefcountStore;
  readonly #mutex = new Mutex();
  readonly #hints = new FreeHints();
  /** No cluster below is free. */
  #searchFrom: number;
  /** No cluster from here on was ever used. */
  #virginFrom: number;

  constructor(options: AllocatorOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#searchFrom = options.firstCluster;
    this.#virginFrom = Math.ceil(options.fileSize / this.clusterSize);
  }

  get clusterSize(): number {
    return this.#store.geometry.clusterSize;
  }

  /** The first cluster from which on none was ever used. */
  get virginFrom(): number {
    return this.#virginFrom;
  }

  /** Reserves `count` clusters, above 0, in as few runs as the free space allows. */
  async reserve(count: number): Promise<Reservation> {
    if (this.#options.reuseFreedAtOnce === true) await this.#freeAllPending();
    const runs = new ClusterRuns();
    try {
      for (;;) {
        // Asked anew after each wait: what others took meanwhile may be free again, and is not as it was.
        const virginFrom = this.#virginFrom;
        if (this.#take(count - runs.clusters, runs) === 0) return { runs, virginFrom };
        await this.#provideBlock(this.#store.blockIndexOf(this.#searchFrom));
      }
    } catch (error) {
      await this.release(runs);
      throw error;
    }
  }

  /** Reserves `count` clusters in a row behind everything that was ever used; resolves with the index of the first. */
  reserveInARow(count: number): Promise<number> {
    return this.#mutex.run(async () => {
      let first = this.#virginFrom;
      for (;;) {
        const plan = this.#planRow(first, count);
        if (plan.endBlock > this.#store.entries) {
          this.#growTable(Math.max(this.#store.entries, this.#store.blockIndexOf(first)), plan.endBlock);
          first = this.#virginFrom;
          continue;
        }
        await this.#requireBlocks(first, plan.end);
        // From here on nothing waits, so that nobody else gets one of them.
        const used = this.#lastUsedIn(first, plan.end);
        if (used < 0) return this.#claimRow(first, count, plan.missing);
        first = Math.max(used + 1, this.#virginFrom);
      }
    });
  }

  /** Reserves cluster `index` if that is free and its refcount is in memory. */
  tryReserve(index: number): boolean {
    if (!this.#store.has(index) || this.#store.get(index) !== 0 || this.#options.places.has(index))
      return false;
    this.#claim(index, 1);
    return true;
  }

  /** The refcount of cluster `index`. */
  async refcount(index: number): Promise<number> {
    if (!this.#store.has(index)) await this.#requireBlock(this.#store.blockIndexOf(index));
    return this.#store.get(index);
  }

  /** Gives cluster `index`, whose refcount is 0 and in memory, `references` references at once. */
  claim(index: number, references: number): void {
    if (this.#store.get(index) !== 0) throw this.#corrupt(index);
    this.#claim(index, 1);
    if (references !== 1) this.#store.set(index, references);
  }

  /** Throws `QCOW2_CORRUPT` when one of `count` clusters from `first` on holds metadata, which is no place for data. */
  requireData(first: number, count: number): void {
    for (let index = first; index < first + count; index++)
      if (this.#options.places.has(index)) throw this.#corrupt(index);
  }

  /** Adds a reference to cluster `index`, which is in use, if its refcount is in memory and not at its largest. */
  tryAddReference(index: number): boolean {
    if (!this.#store.has(index)) return false;
    const refcount = this.#store.get(index);
    if (refcount === 0 || refcount >= this.#store.max) return false;
    this.#store.set(index, refcount + 1);
    return true;
  }

  /** Takes one reference from each cluster of `runs`, which nothing durable names. */
  async release(runs: ClusterRuns): Promise<void> {
    for (let run = 0; run < runs.length; run++) await this.drop(runs.first(run), runs.count(run));
  }

  /**
   * Takes one reference from each of `count` clusters from `first` on. `onFree` is called with the clusters that
   * nothing references any more, before they can be given out again; what it returns is waited for.
   */
  async drop(
    first: number,
    count: number,
    onFree: (first: number, count: number) => Promise<void> | undefined = () => undefined,
  ): Promise<void> {
    const { refcountBlockEntries } = this.#store.geometry;
    for (let at = first; at < first + count; ) {
      const index = this.#store.blockIndexOf(at);
      const end = Math.min(first + count, (index + 1) * refcountBlockEntries);
      await this.#requireBlock(index);
      for (let next = at; at < end; at = next) {
        next = this.#endOfSame(at, end);
        if (this.#store.get(at) === 1) {
          await onFree(at, next - at);
          await this.#requireBlock(index);
        }
        this.#decrement(at, next);
      }
    }
  }

  /** Index of the last cluster with a refcount above 0, at most `below` - 1; -1 when there is none. */
  async lastUsed(below: number): Promise<number> {
    const { refcountBlockEntries } = this.#store.geometry;
    for (
      let index = Math.min(this.#store.entries, Math.ceil(below / refcountBlockEntries)) - 1;
      index >= 0;
      index--
    ) {
      if (this.#store.blockOffset(index) === 0) continue;
      await this.#requireBlock(index);
      const start = index * refcountBlockEntries;
      for (let at = Math.min(below, start + refcountBlockEntries) - 1; at >= start; at--) {
        if (this.#store.get(at) !== 0) return at;
      }
    }
    return -1;
  }

  // Gives out what the blocks in memory have; returns how many clusters are missing.
  #take(wanted: number, runs: ClusterRuns): number {
    const { refcountBits, refcountBlockEntries } = this.#store.geometry;
    let missing = wanted;
    while (missing > 0) {
      const index = this.#store.blockIndexOf(this.#searchFrom);
      const base = index * refcountBlockEntries;
      const start = this.#searchFrom - base;
      const from = Math.max(start, this.#hints.from(index));
      if (from >= refcountBlockEntries) {
        this.#searchFrom = base + refcountBlockEntries;
        continue;
      }
      const block = this.#store.peek(index);
      if (block === undefined) return missing;
      const within = nextZeroRefcount(block.view, from, refcountBlockEntries, refcountBits);
      let end = within;
      const endMax = Math.min(refcountBlockEntries, within + missing);
      while (end < endMax && refcountAt(block.view, end, refcountBits) === 0) end++;
      this.#searchFrom = base + end;
      if (start <= this.#hints.from(index)) this.#hints.noneBelow(index, end);
      if (end === within) continue;
      this.#claim(base + within, end - within);
      runs.add(base + within, end - within);
      missing -= end - within;
    }
    return 0;
  }

  // The refcounts become 1. Asserts first: a cluster that holds metadata must never be given out.
  #claim(first: number, count: number): void {
    for (let index = first; index < first + count; index++) {
      if (this.#options.places.has(index)) throw this.#corrupt(index);
    }
    if ((first + count) * this.clusterSize > HOST_BYTES_MAX) throw this.#tooLarge();
    for (let index = first; index < first + count; index++) this.#store.set(index, 1);
    this.#virginFrom = Math.max(this.#virginFrom, first + count);
  }

  #decrement(from: number, to: number): void {
    for (let index = from; index < to; index++) {
      const refcount = this.#store.get(index);
      // One that is 0 was wrong before, and one at the largest number says nothing: both leak rather than lie.
      if (refcount === 0 || refcount > this.#store.max) continue;
      this.#store.set(index, refcount - 1);
      if (refcount > 1) continue;
      this.#options.places.remove(index);
      const perBlock = this.#store.geometry.refcountBlockEntries;
      this.#hints.freed(this.#store.blockIndexOf(index), index % perBlock);
      if (index >= this.#options.firstCluster) this.#searchFrom = Math.min(this.#searchFrom, index);
    }
  }

  // The end of the clusters from `at` on that all have a refcount of 1, or all another.
  #endOfSame(at: number, end: number): number {
    const sole = this.#store.get(at) === 1;
    let next = at + 1;
    while (next < end && (this.#store.get(next) === 1) === sole) next++;
    return next;
  }

  async #freeAllPending(): Promise<void> {
    const { discarded, replaced } = this.#options.pending.take();
    await this.release(discarded);
    await this.release(replaced);
  }

  // For a cluster that is in use: its block must be there.
  async #requireBlock(index: number): Promise<void> {
    while (this.#store.peek(index) === undefined) {
      if (this.#store.blockOffset(index) === 0)
        throw this.#corrupt(index * this.#store.geometry.refcountBlockEntries);
      await this.#store.load(index);
    }
  }

  // For a search: a block that does not exist is made, since all its clusters are free.
  #provideBlock(index: number): Promise<void> {
    return this.#mutex.run(async () => {
      if (this.#store.peek(index) !== undefined) return;
      if (this.#store.blockOffset(index) !== 0) await this.#store.load(index);
      else if (index < this.#store.entries) this.#addBlock(index);
      else this.#growTable(index, index + 1);
    });
  }

  // A new block counts itself: it lies in the first of the clusters that it counts.
  #addBlock(index: number): void {
    const cluster = index * this.#store.geometry.refcountBlockEntries;
    if (this.#options.places.has(cluster)) throw this.#corrupt(cluster);
    this.#store.addBlock(index, cluster * this.clusterSize);
    this.#claim(cluster, 1);
    this.#addPlace(cluster, 1);
  }

  // A larger table, in which block `index` and all up to `entriesMin` have an entry.
  #growTable(index: number, entriesMin: number): void {
    const old = this.#store.place;
    const growth = planTableGrowth(index, Math.max(entriesMin, this.#store.entries), this.#store.geometry);
    if (growth === undefined) throw this.#tooLarge();
    const { first, blocks, tableClusters } = growth;
    for (let at = first; at < first + blocks + tableClusters; at++) {
      if (this.#options.places.has(at)) throw this.#corrupt(at);
    }
    this.#store.moveTable({ offset: (first + blocks) * this.clusterSize, clusters: tableClusters });
    for (let at = 0; at < blocks; at++) this.#store.addBlock(index + at, (first + at) * this.clusterSize);
    for (let at = first; at < first + blocks + tableClusters; at++) {
      this.#claim(at, 1);
    }
    this.#addPlace(first, blocks + tableClusters);
    const oldFirst = old.offset / this.clusterSize;
    this.#options.pending.add(oldFirst, old.clusters, false);
  }

  // A row of `count` clusters from `first` on, and behind it the blocks that are missing to count them all.
  #planRow(first: number, count: number): { end: number; endBlock: number; missing: number[] } {
    let missing: number[] = [];
    for (;;) {
      const end = first + count + missing.length;
      const endBlock = this.#store.blockIndexOf(end - 1) + 1;
      const found: number[] = [];
      for (let index = this.#store.blockIndexOf(first); index < endBlock; index++) {
        if (this.#store.blockOffset(index) === 0) found.push(index);
      }
      if (found.length === missing.length) return { end, endBlock, missing };
      missing = found;
    }
  }

  async #requireBlocks(first: number, end: number): Promise<void> {
    const last = this.#store.blockIndexOf(end - 1);
    for (let index = this.#store.blockIndexOf(first); index <= last; index++)
      if (this.#store.blockOffset(index) !== 0) await this.#requireBlock(index);
  }

  // A block that does not exist has no cluster in use.
  #lastUsedIn(first: number, end: number): number {
    for (let at = end - 1; at >= first; at--) {
      if (this.#store.blockOffset(this.#store.blockIndexOf(at)) !== 0 && this.#store.get(at) !== 0) return at;
    }
    return -1;
  }

  #claimRow(first: number, count: number, missing: readonly number[]): number {
    missing.forEach((index, at) => {
      this.#store.addBlock(index, (first + count + at) * this.clusterSize);
    });
    this.#claim(first, count + missing.length);
    this.#addPlace(first + count, missing.length);
    return first;
  }

  #addPlace(first: number, count: number): void {
    this.#options.places.add(first * this.clusterSize, count * this.clusterSize);
  }

  #corrupt(cluster: number): EngineError {
    this.#options.onCorrupt();
    return new EngineError(
      "QCOW2_CORRUPT",
      `the tables of ${this.#options.label} contradict each other about the cluster at offset ${cluster * this.clusterSize}; repair the image before writing to it`,
      { offset: cluster * this.clusterSize },
    );
  }

  #tooLarge(): EngineError {
    return new EngineError(
      "QCOW2_IMAGE_TOO_LARGE",
      `${this.#options.label} cannot grow further with clusters of ${this.clusterSize} bytes and refcounts of ${this.#store.geometry.refcountBits} bits`,
    );
  }
}
