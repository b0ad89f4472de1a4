// Puts the clusters of the guest's disk in its order, durably, a window at a time: what lies in the window and does not
// belong there gives way, to free clusters elsewhere; then what belongs there comes. Each of the two is a batch of moves,
// so a crash in between leaves clusters in another order, and nothing worse. Every cluster is copied twice at most, and as
// many clusters as a window has are needed beside.

import { isBackendError } from "@qcow/block";
import { ClusterRuns } from "../allocate/cluster-runs.js";
import type { L2Table } from "../tables/l2-store.js";
import type { Compaction } from "./compaction.js";
import type { GuestOrder } from "./guest-order.js";
import { MoveBatch } from "./move-batch.js";

/** Most of a window, in bytes and in clusters. */
const WINDOW_BYTES_MAX = 64 * 1024 * 1024;
const WINDOW_CLUSTERS_MAX = 32_768;
/** This many clusters behind the end of the file, which blocks count that are there, are enough. */
const ROOM_CLUSTERS_MIN = 128;

/** Bytes of tables that wait for a commit. */
const TABLE_BYTES_MAX = 32 * 1024 * 1024;

export class ClusterSorter {
  readonly #compaction: Compaction;
  readonly #order: GuestOrder;
  /** Free clusters, the lowest last, but for those in the window. */
  #free: number[] = [];
  /** Tables with changed entries, by L1 index, until they are durable. */
  #held = new Map<number, L2Table>();
  readonly #clustersMax: number;
  #batch: MoveBatch;

  /** `clustersMax` are moved at a time, at most. */
  constructor(compaction: Compaction, order: GuestOrder, clustersMax = WINDOW_CLUSTERS_MAX) {
    const { clusterSize } = compaction.metadata.geometry;
    this.#compaction = compaction;
    this.#order = order;
    this.#clustersMax = Math.max(1, Math.min(clustersMax, Math.floor(WINDOW_BYTES_MAX / clusterSize)));
    this.#batch = new MoveBatch(compaction, true);
  }

  /** Puts all of them in order. */
  async run(): Promise<void> {
    const misplaced = this.#order.misplaced();
    if (misplaced === 0) return;
    this.#compaction.tally.expect(misplaced);
    this.#free = [...this.#order.free];
    this.#free.push(...(await this.#spare(Math.min(this.#clustersMax, misplaced))));
    const most = Math.min(this.#clustersMax, this.#free.length);
    try {
      for (let rank = 0; most > 0 && rank < this.#order.size; ) rank = await this.#sortWindow(rank, most);
    } finally {
      this.#letGo();
    }
  }

  // Behind everything, where the file grows for a while. A file whose length nobody can change has none.
  async #spare(wanted: number): Promise<number[]> {
    if (!(await this.#grow(this.#order.clusterCount + 1))) return [];
    const spare = await this.#countedSpare(wanted);
    await this.#grow((spare[spare.length - 1] as number) + 1);
    return spare;
  }

  // A copy of a hole writes nothing, and must not lie past the end. Says whether the file has so many clusters now.
  async #grow(clusters: number): Promise<boolean> {
    const { backend, disk, metadata, options } = this.#compaction;
    const end = clusters * metadata.geometry.clusterSize;
    if ((await backend.size(options)) >= end) return true;
    try {
      await backend.resize(end, options);
      disk.committer.noteData();
      return true;
    } catch (error) {
      if (isBackendError(error, "BACKEND_UNSUPPORTED")) return false;
      throw error;
    }
  }

  // Where a block is to be made to count them, it stays; so it is one, and only if there is hardly any room without.
  async #countedSpare(wanted: number): Promise<number[]> {
    const { allocator } = this.#compaction.disk;
    const end = this.#order.clusterCount;
    let room = 0;
    while (room < wanted && allocator.isUsable(end + room)) room++;
    if (room >= Math.min(wanted, ROOM_CLUSTERS_MIN)) return Array.from({ length: room }, (_, at) => end + at);
    const count = Math.min(wanted, this.#compaction.metadata.geometry.refcountBlockEntries);
    const first = await allocator.reserveInARow(count);
    const runs = new ClusterRuns();
    runs.add(first, count);
    await allocator.release(runs);
    return Array.from({ length: count }, (_, at) => first + at);
  }

  /** Fills the slots of the ranks from `from` on; returns the rank to go on with. */
  async #sortWindow(from: number, most: number): Promise<number> {
    const order = this.#order;
    const ranks: number[] = [];
    let next = from;
    for (; next < order.size && ranks.length < most; next++)
      if (order.host(next) !== order.slot(next)) ranks.push(next);
    if (ranks.length === 0) return next;
    const window = new Set(ranks.map((rank) => order.slot(rank)));
    // The highest free clusters are taken first: what is there will not be in the way soon.
    const free = this.#free.filter((index) => !window.has(index)).sort((a, b) => a - b);
    for (const slot of window) {
      const rank = order.rankAt(slot);
      if (rank >= 0) await this.#move(rank, free.pop() as number);
    }
    await this.#commit();
    for (const rank of ranks) {
      free.push(order.host(rank));
      await this.#move(rank, order.slot(rank));
    }
    await this.#commit();
    this.#free = free;
    return next;
  }

  async #move(rank: number, destination: number): Promise<void> {
    const { disk, metadata, options } = this.#compaction;
    const { clusterSize, l2Entries, l2EntrySize } = metadata.geometry;
    const guest = this.#order.guest(rank);
    const index = Math.floor(guest / l2Entries);
    if (!this.#held.has(index)) {
      if (this.#held.size >= Math.max(1, Math.floor(TABLE_BYTES_MAX / clusterSize))) await this.#commit();
      this.#held.set(index, (await disk.tables.use(index, options)) as L2Table);
    }
    const table = this.#held.get(index) as L2Table;
    this.#batch.rename(table, (guest % l2Entries) * l2EntrySize, this.#order.host(rank), destination, 1);
    this.#order.moved(rank, destination);
  }

  async #commit(): Promise<void> {
    this.#compaction.options.signal?.throwIfAborted();
    const batch = this.#batch;
    this.#batch = new MoveBatch(this.#compaction, true);
    if (batch.size > 0) await batch.commit();
    this.#letGo();
  }

  #letGo(): void {
    const { tables } = this.#compaction.disk;
    for (const table of this.#held.values()) tables.done(table);
    this.#held = new Map();
  }
}
