// Puts the clusters of the guest's disk in its order, durably, a window at a time: what lies in the window and does not
// belong there gives way, to free clusters elsewhere; then what belongs there comes. Each of the two is a batch of moves,
// so a crash in between leaves clusters in another order, and nothing worse. Every cluster is copied twice at most, and as
// many clusters as a window has are needed beside.

import { ClusterRuns } from "../allocate/cluster-runs.js";
import type { L2Table } from "../tables/l2-store.js";
import type { Compaction } from "./compaction.js";
import type { GuestOrder } from "./guest-order.js";
import { MoveBatch } from "./move-batch.js";

/** Most of a window, in bytes and in clusters. */
const WINDOW_BYTES_MAX = 64 * 1024 * 1024;
const WINDOW_CLUSTERS_MAX = 32_768;
/** Room behind the end of the file that is counted already is enough when it is this part of what is wanted. */
const ROOM_PART_MIN = 1 / 8;

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
    this.#free = [...this.#order.free, ...(await this.#spare(Math.min(this.#clustersMax, misplaced)))];
    const most = Math.min(this.#clustersMax, this.#free.length);
    try {
      for (let rank = 0; rank < this.#order.size; ) rank = await this.#sortWindow(rank, most);
    } finally {
      this.#letGo();
    }
  }

  // Behind everything, where the file grows for a while. Where blocks are to be made to count it, they stay.
  async #spare(wanted: number): Promise<number[]> {
    const { allocator } = this.#compaction.disk;
    const end = this.#order.clusterCount;
    let room = 0;
    while (room < wanted && allocator.isUsable(end + room)) room++;
    if (room >= wanted * ROOM_PART_MIN) return Array.from({ length: room }, (_, at) => end + at);
    const first = await allocator.reserveInARow(wanted);
    const runs = new ClusterRuns();
    runs.add(first, wanted);
    await allocator.release(runs);
    return Array.from({ length: wanted }, (_, at) => first + at);
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
