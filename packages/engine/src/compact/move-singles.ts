// Moves the clusters that stand alone: L2 tables, the guest's data, the data of bitmaps, refcount blocks. Owns the walk
// over everything that may name one; each table is read once, however many of its entries change.

import { L2Kind, l1EntryOffset, l2EntryOffset } from "@qcow/format";
import { clusterKind } from "../mapping/cluster-kind.js";
import type { DirtyTable } from "../tables/dirty-table.js";
import type { L2Table } from "../tables/l2-store.js";
import type { Compaction } from "./compaction.js";
import { MoveBatch } from "./move-batch.js";
import type { MoveMap } from "./move-map.js";
import type { NamedTable } from "./move-streams.js";
import type { Structure } from "./structure.js";

const ENTRY_BYTES = 8;
/** L2 tables that are moved, and so are in memory, before a commit. */
const TABLE_BYTES_MAX = 32 * 1024 * 1024;

export class SingleMover {
  readonly #compaction: Compaction;
  readonly #moves: MoveMap;
  readonly #clusterSize: number;
  readonly #structures: readonly Structure[];
  #batch: MoveBatch;

  constructor(compaction: Compaction, moves: MoveMap, structures: readonly Structure[]) {
    this.#compaction = compaction;
    this.#moves = moves;
    this.#clusterSize = compaction.metadata.geometry.clusterSize;
    this.#structures = structures;
    this.#batch = new MoveBatch(compaction);
  }

  /** Moves all of them, durably. `tables` are all L2 tables, as the image has them before. */
  async run(tables: readonly NamedTable[]): Promise<void> {
    if (this.#moves.size === 0) return;
    await this.#moveL2Tables();
    if (!this.#compaction.metadata.geometry.hasDataFile) await this.#moveData(tables);
    await this.#moveBitmapData();
    await this.#moveRefcountBlocks();
  }

  async #commit(): Promise<void> {
    this.#compaction.options.signal?.throwIfAborted();
    const batch = this.#batch;
    this.#batch = new MoveBatch(this.#compaction);
    if (batch.size > 0) await batch.commit();
    this.#compaction.disk.sharedTables.release();
  }

  async #moveL2Tables(): Promise<void> {
    const moved = new Set<number>();
    const tablesMax = Math.max(1, Math.floor(TABLE_BYTES_MAX / this.#clusterSize));
    for await (const { table: l1, times } of this.#l1Tables()) {
      for (let at = 0; at + ENTRY_BYTES <= l1.bytes.byteLength; at += ENTRY_BYTES) {
        const offset = l1EntryOffset(l1.view.getUint32(at), l1.view.getUint32(at + 4));
        const destination = this.#moves.destination(offset / this.#clusterSize);
        if (destination === 0) continue;
        const source = offset / this.#clusterSize;
        if (!moved.has(source)) {
          moved.add(source);
          await this.#makeTable(source, destination);
        }
        this.#batch.rename(l1, at, source, destination, times);
        if (this.#batch.size >= tablesMax) await this.#commit();
      }
    }
    await this.#commit();
  }

  async #makeTable(source: number, destination: number): Promise<void> {
    const { tables, places } = this.#compaction.disk;
    const bytes = (await tables.l2.get(source * this.#clusterSize)).bytes.slice();
    this.#batch.make(destination, () => {
      if (places.has(source)) places.add(destination * this.#clusterSize, this.#clusterSize);
      tables.l2.remove(source * this.#clusterSize);
      tables.l2.add(destination * this.#clusterSize, bytes);
    });
  }

  async *#l1Tables(): AsyncGenerator<{ table: DirtyTable; times: number }> {
    const { disk, options } = this.#compaction;
    yield { table: disk.tables.l1Table, times: 1 };
    for (const { kind, offset, length, owners } of this.#structures) {
      if (kind !== "snapshot-l1") continue;
      yield { table: await disk.sharedTables.use(offset, length, options), times: owners.length };
    }
  }

  async #moveData(tables: readonly NamedTable[]): Promise<void> {
    const { l2 } = this.#compaction.disk.tables;
    for (const [index, { offset, times }] of tables.entries()) {
      const ahead = tables[index + 1];
      if (ahead !== undefined && l2.readAheadMax > 0) l2.readAhead(this.#placeOf(ahead.offset));
      const table = await l2.use(this.#placeOf(offset), this.#compaction.options);
      let users = 1;
      const release = (): void => {
        table.users -= users;
        users = 0;
      };
      try {
        await this.#moveDataOf(table, times, release);
      } catch (error) {
        release();
        throw error;
      }
    }
    await this.#commit();
  }

  /** Where the table that was at `offset` is now. */
  #placeOf(offset: number): number {
    const destination = this.#moves.destination(offset / this.#clusterSize);
    return destination === 0 ? offset : destination * this.#clusterSize;
  }

  // `release` is called when the file has what was changed of the table.
  async #moveDataOf(table: L2Table, times: number, release: () => void): Promise<void> {
    const { geometry } = this.#compaction.metadata;
    const { view } = table;
    let changes = 0;
    for (let at = 0; at + geometry.l2EntrySize <= view.byteLength; at += geometry.l2EntrySize) {
      const high = view.getUint32(at);
      const low = view.getUint32(at + 4);
      if ((high | low) === 0) continue;
      const kind = clusterKind(high, low, geometry);
      if (kind !== L2Kind.normal && kind !== L2Kind.zeroAllocated) continue;
      const source = l2EntryOffset(high, low) / this.#clusterSize;
      const destination = this.#moves.destination(source);
      if (destination === 0) continue;
      this.#batch.rename(table, at, source, destination, times);
      changes++;
      if (!this.#batch.isFull) continue;
      await this.#commit();
      changes = 0;
    }
    if (changes > 0) this.#batch.finally(release);
    else release();
  }

  async #moveBitmapData(): Promise<void> {
    const { disk, options } = this.#compaction;
    for (const { kind, offset, length, owners } of this.#structures) {
      if (kind !== "bitmap-table") continue;
      const table = await disk.sharedTables.use(offset, length, options);
      for (let at = 0; at + ENTRY_BYTES <= length; at += ENTRY_BYTES) {
        const source =
          l1EntryOffset(table.view.getUint32(at), table.view.getUint32(at + 4)) / this.#clusterSize;
        const destination = this.#moves.destination(source);
        if (destination === 0) continue;
        this.#batch.rename(table, at, source, destination, owners.length);
        if (this.#batch.isFull) await this.#commit();
      }
    }
    await this.#commit();
  }

  // A block is moved in memory, and the refcount table names its new place with the same commit.
  async #moveRefcountBlocks(): Promise<void> {
    const { allocator, committer, pending, places, refcounts } = this.#compaction.disk;
    let moved = 0;
    for (let index = 0; index < refcounts.entries; index++) {
      const source = refcounts.blockOffset(index) / this.#clusterSize;
      const destination = source === 0 ? 0 : this.#moves.destination(source);
      if (destination === 0) continue;
      await allocator.refcount(destination);
      allocator.claim(destination, 1);
      await refcounts.load(index);
      places.add(destination * this.#clusterSize, this.#clusterSize);
      refcounts.moveBlock(index, destination * this.#clusterSize);
      pending.add(source, 1, false);
      moved++;
    }
    if (moved === 0) return;
    await committer.commit();
    this.#compaction.tally.references += moved;
    this.#compaction.tally.moved(moved);
  }
}
