// Gives out host clusters and takes them back: lowest first, in a row where there is room. A cluster that is given
// out has its refcount raised in memory at once, so nobody else gets it; its user links it, or releases it. Owns the
// search and the growth of the refcount structures; when refcounts reach the file is the committer's business.

import { nextZeroRefcount, refcountAt } from "@qcow/format";
import type { EngineError } from "../engine-error.js";
import { contradiction, tooLarge } from "./allocation-errors.js";
import type { ClusterLifecycle } from "./cluster-lifecycle.js";
import { ClusterRuns } from "./cluster-runs.js";
import { FreeHints } from "./free-hints.js";
import type { MetadataPlaces } from "./metadata-places.js";
import { Mutex } from "./mutex.js";
import type { PendingFrees } from "./pending-frees.js";
import { RefcountGrowth } from "./refcount-growth.js";
import type { RefcountStore } from "./refcount-store.js";

/** Clusters that were given out. */
export interface Reservation {
  readonly runs: ClusterRuns;
  /** Runs from this cluster on were never used: the file reads as zero there. */
  readonly virginFrom: number;
  /** First clusters of other runs that read as zero. */
  readonly zeroRuns?: ReadonlySet<number> | undefined;
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
  readonly #growth: RefcountGrowth;
  readonly #hints = new FreeHints();
  /** No cluster below is free. */
  #searchFrom: number;
  /** No cluster from here on was ever used. */
  #virginFrom: number;
  /** The file is being cut: nothing is given out meanwhile. */
  #cutting: Promise<unknown> | undefined;
  #lifecycle: ClusterLifecycle | undefined;

  constructor(options: AllocatorOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#growth = new RefcountGrowth({
      store: options.store,
      places: options.places,
      pending: options.pending,
      claim: (first, count) => this.#claim(first, count),
      requireBlock: (index) => this.#requireBlock(index),
      corrupt: (cluster) => this.#corrupt(cluster),
      tooLarge: () => tooLarge(options.label, options.store.geometry),
    });
    this.#searchFrom = options.firstCluster;
    this.#virginFrom = Math.ceil(options.fileSize / this.clusterSize);
  }

  get clusterSize(): number {
    return this.#store.geometry.clusterSize;
  }

  /** Whether cluster `index` may be given out when it is free, without a new refcount block. */
  isUsable(index: number): boolean {
    if (index < this.#options.firstCluster) return false;
    return this.#store.blockOffset(this.#store.blockIndexOf(index)) !== 0;
  }

  /** Reserves `count` clusters, above 0, in as few runs as the free space allows. */
  async reserve(count: number): Promise<Reservation> {
    if (this.#options.reuseFreedAtOnce === true) await this.#freeAllPending();
    const runs = new ClusterRuns();
    try {
      for (;;) {
        while (this.#cutting !== undefined) await this.#cutting;
        // Asked anew after each wait: what others took meanwhile may be free again, and is not as it was.
        const virginFrom = this.#virginFrom;
        const zeroRuns = new Set<number>();
        const missing = this.#take(count - runs.clusters, runs, (first) => zeroRuns.add(first));
        if (missing === 0) return { runs, virginFrom, zeroRuns };
        await this.#provideBlock(this.#store.blockIndexOf(this.#searchFrom));
      }
    } catch (error) {
      await this.release(runs);
      throw error;
    }
  }

  /** Reserves up to `count` clusters before cluster `end`, for copies; resolves with what there is. */
  async reserveBelow(end: number, count: number): Promise<ClusterRuns> {
    const runs = new ClusterRuns();
    try {
      while (runs.clusters < count && this.#searchFrom < end) {
        while (this.#cutting !== undefined) await this.#cutting;
        const block = this.#store.blockIndexOf(this.#searchFrom);
        // Where nobody counts, a block would take the first cluster: nothing is gained.
        if (this.#store.blockOffset(block) === 0) break;
        if (this.#store.peek(block) === undefined) await this.#store.load(block);
        else if (this.#take(count - runs.clusters, runs, undefined, end) === 0) break;
      }
      return runs;
    } catch (error) {
      await this.release(runs);
      throw error;
    }
  }

  /**
   * Cuts the file behind the last cluster in use, if that is before cluster `below`, with `resize`, which gets the number of
   * clusters that are left; nothing is given out meanwhile.
   */
  async cut(below: number, resize: (clusters: number) => Promise<void>): Promise<void> {
    const cutting = this.#mutex.run(async () => {
      const end = Math.max(await this.lastUsed(below), this.#options.places.last()) + 1;
      if (end >= below) return;
      await resize(end);
      this.#virginFrom = Math.min(this.#virginFrom, end);
    });
    const ended = (): void => {
      this.#cutting = undefined;
    };
    this.#cutting = cutting.then(ended, ended);
    await cutting;
  }

  /** From now on `lifecycle` is told of each cluster. */
  follow(lifecycle: ClusterLifecycle | undefined): void {
    this.#lifecycle = lifecycle;
  }

  /** Reserves `count` clusters in a row behind everything that was ever used; resolves with the index of the first. */
  reserveInARow(count: number): Promise<number> {
    // Whoever cuts the file has the mutex, too.
    return this.#mutex.run(() => this.#growth.reserveRow(count, () => this.#virginFrom));
  }

  /** Reserves cluster `index` if that is free and its refcount is in memory. */
  tryReserve(index: number): boolean {
    if (this.#cutting !== undefined || !this.#store.has(index)) return false;
    if (this.#store.get(index) !== 0 || this.#options.places.has(index)) return false;
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
  #take(
    wanted: number,
    runs: ClusterRuns,
    onZero?: ((first: number) => void) | undefined,
    copiesBelow?: number | undefined,
  ): number {
    const endMost = copiesBelow ?? Number.POSITIVE_INFINITY;
    const { refcountBits, refcountBlockEntries } = this.#store.geometry;
    let missing = wanted;
    let wasZero = false;
    while (missing > 0) {
      const index = this.#store.blockIndexOf(this.#searchFrom);
      const base = index * refcountBlockEntries;
      const start = this.#searchFrom - base;
      if (this.#searchFrom >= endMost) return 0;
      const from = Math.max(start, this.#hints.from(index));
      if (from >= refcountBlockEntries) {
        this.#searchFrom = base + refcountBlockEntries;
        continue;
      }
      const block = this.#store.peek(index);
      if (block === undefined) return missing;
      const within = nextZeroRefcount(block.view, from, refcountBlockEntries, refcountBits);
      if (base + within >= endMost) return 0;
      let end = within;
      const endMax = Math.min(refcountBlockEntries, within + missing, endMost - base);
      const isZero = this.#isZero(base + within);
      while (
        end < endMax &&
        refcountAt(block.view, end, refcountBits) === 0 &&
        this.#isZero(base + end) === isZero
      )
        end++;
      this.#searchFrom = base + end;
      if (start <= this.#hints.from(index)) this.#hints.noneBelow(index, end);
      if (end === within) continue;
      this.#claim(base + within, end - within, copiesBelow !== undefined);
      if (isZero) onZero?.(base + within);
      // What is known to be zero must not be joined with what is not.
      runs.add(base + within, end - within, !isZero && !wasZero);
      wasZero = isZero;
      missing -= end - within;
    }
    return 0;
  }

  // The refcounts become 1. Asserts first: a cluster that holds metadata must never be given out.
  #claim(first: number, count: number, asCopy = false): void {
    for (let index = first; index < first + count; index++) {
      if (this.#options.places.has(index)) throw this.#corrupt(index);
    }
    if ((first + count) * this.clusterSize > HOST_BYTES_MAX)
      throw tooLarge(this.#options.label, this.#store.geometry);
    for (let index = first; index < first + count; index++) this.#store.set(index, 1);
    this.#virginFrom = Math.max(this.#virginFrom, first + count);
    this.#lifecycle?.taken(first, count, asCopy);
  }

  #isZero(index: number): boolean {
    return this.#lifecycle?.isZero(index) ?? false;
  }

  #decrement(from: number, to: number): void {
    for (let index = from; index < to; index++) {
      const refcount = this.#store.get(index);
      // One that is 0 was wrong before, and one at the largest number says nothing: both leak rather than lie.
      if (refcount === 0 || refcount > this.#store.max) continue;
      this.#store.set(index, refcount - 1);
      if (refcount > 1) continue;
      this.#options.places.remove(index);
      this.#lifecycle?.freed(index);
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
    return this.#mutex.run(() => this.#growth.provideBlock(index));
  }

  #corrupt(cluster: number): EngineError {
    this.#options.onCorrupt();
    return contradiction(this.#options.label, cluster * this.clusterSize);
  }
}
