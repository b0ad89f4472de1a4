// Moves some clusters, durably: their new places get their refcounts, their bytes are copied, who names them is changed in
// memory, and one commit makes all of it durable, in its own order (data and refcounts, then names); only after that the
// old places lose their references. So a crash at any point leaves each name on a place that has its bytes and a refcount.

import { ClusterRuns } from "../allocate/cluster-runs.js";
import type { DirtyTable } from "../tables/dirty-table.js";
import type { Compaction } from "./compaction.js";
import { CopyList, copyClusters } from "./copy-clusters.js";

/** Most names that are changed, and bytes that are copied, before a commit. */
const NAMES_MAX = 65_536;
const BYTES_MAX = 128 * 1024 * 1024;

const OFFSET_HIGH = 0x00ff_ffff;
const OFFSET_LOW = 0xffff_fe00;

export class MoveBatch {
  readonly #compaction: Compaction;
  readonly #isSole: boolean;
  readonly #tables: DirtyTable[] = [];
  /** Four for each name: byte in its table, the cluster that it names, the one that it is to name, its references. */
  readonly #names: number[] = [];
  /** Whose bytes nobody copies here. */
  readonly #made = new Set<number>();
  readonly #beforeNaming: (() => void)[] = [];
  readonly #atEnd: (() => void)[] = [];

  /** `isSole` says that each source has one name only, so that no destination can be taken already. */
  constructor(compaction: Compaction, isSole = false) {
    this.#compaction = compaction;
    this.#isSole = isSole;
  }

  get size(): number {
    return this.#tables.length;
  }

  /** Whether it is time to commit. */
  get isFull(): boolean {
    const bytes = this.size * this.#compaction.metadata.geometry.clusterSize;
    return this.size >= NAMES_MAX || bytes >= BYTES_MAX;
  }

  /**
   * The entry at byte `at` of `table` names cluster `source`; it will name `destination`. It stands for `times`
   * references: as many as name the table. To be called for every entry that names `source`, in this batch or later.
   */
  rename(table: DirtyTable, at: number, source: number, destination: number, times: number): void {
    this.#tables.push(table);
    this.#names.push(at, source, destination, times);
  }

  /** What is to lie at `destination` is made by `job`, in memory, once the place is reserved. */
  make(destination: number, job: () => void): void {
    this.#made.add(destination);
    this.#beforeNaming.push(job);
  }

  /** Called once the batch is durable, or has failed. */
  finally(job: () => void): void {
    this.#atEnd.push(job);
  }

  /** Makes it all so, and durable. When it rejects before the names were changed, nothing has moved. */
  async commit(): Promise<void> {
    const { disk, tally } = this.#compaction;
    try {
      const moved = await this.#copy();
      for (const job of this.#beforeNaming) job();
      this.#renameAll();
      await disk.committer.commit();
      // Who comes next may have been promised the old places.
      await disk.committer.freed();
      tally.references += this.size;
      tally.moved(moved);
    } finally {
      for (const job of this.#atEnd) job();
    }
  }

  /** Resolves with how many clusters have a new place. */
  async #copy(): Promise<number> {
    const { backend, disk, metadata, options, tally } = this.#compaction;
    const claimed = new ClusterRuns();
    try {
      const copies = new CopyList();
      const moved = await this.#claim(claimed, copies);
      tally.bytes += await copyClusters(backend, metadata.geometry.clusterSize, copies, options);
      disk.committer.noteData();
      return moved;
    } catch (error) {
      await disk.allocator.release(claimed);
      throw error;
    }
  }

  // The new place gets, at once, all the references that the old one has: the last name to be changed may come later.
  async #claim(claimed: ClusterRuns, copies: CopyList): Promise<number> {
    const { allocator, refcounts } = this.#compaction.disk;
    let moved = 0;
    for (let at = 0; at < this.#names.length; at += 4) {
      const source = this.#names[at + 1] as number;
      const destination = this.#names[at + 2] as number;
      const references = refcounts.has(source) ? refcounts.get(source) : await allocator.refcount(source);
      if (!refcounts.has(destination)) await allocator.refcount(destination);
      if (refcounts.get(destination) > 0 && !this.#isSole) continue;
      allocator.claim(destination, references);
      for (let times = 0; times < references; times++) claimed.add(destination, 1);
      if (!this.#made.has(destination)) copies.add(source, destination);
      moved++;
    }
    return moved;
  }

  // An entry is a word with an offset in its bits 9 to 55, whatever table it stands in; its other bits stay.
  #renameAll(): void {
    const { disk, metadata } = this.#compaction;
    const { clusterSize } = metadata.geometry;
    for (const [index, table] of this.#tables.entries()) {
      const at = this.#names[index * 4] as number;
      const source = this.#names[index * 4 + 1] as number;
      const offset = (this.#names[index * 4 + 2] as number) * clusterSize;
      const times = this.#names[index * 4 + 3] as number;
      const { view } = table;
      const high = (view.getUint32(at) & ~OFFSET_HIGH) | Math.floor(offset / 2 ** 32);
      view.setUint32(at, high >>> 0);
      view.setUint32(at + 4, ((view.getUint32(at + 4) & ~OFFSET_LOW) | ((offset % 2 ** 32) | 0)) >>> 0);
      table.markDirty(at, 8);
      for (let time = 0; time < times; time++) disk.pending.add(source, 1, false);
    }
  }
}
