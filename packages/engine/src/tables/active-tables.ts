// The L1 and L2 tables of the active disk, while it is being changed. Owns making L2 tables that are missing, and
// copies of those that snapshots share; both are in use in memory at once, and in the file when they are committed.

import type { IoOptions } from "@qcow/block";
import { encodeL1Entry, type Geometry, l1EntryIsCopied } from "@qcow/format";
import type { Allocator } from "../allocate/allocator.js";
import type { MetadataPlaces } from "../allocate/metadata-places.js";
import type { PendingFrees } from "../allocate/pending-frees.js";
import { EngineError } from "../engine-error.js";
import type { DirtyTable } from "./dirty-table.js";
import { L1Table } from "./l1-table.js";
import type { L2Store, L2Table } from "./l2-store.js";
import type { MappingTables } from "./mapping-tables.js";

const ENTRY_BYTES = 8;

export interface ActiveTablesSetup {
  readonly geometry: Geometry;
  readonly l1: DirtyTable;
  /** Entries of the L1 table; its bytes may have room for more. */
  readonly l1Entries: number;
  readonly virtualSize: number;
  readonly l2: L2Store;
  readonly allocator: Allocator;
  readonly places: MetadataPlaces;
  readonly pending: PendingFrees;
  readonly label: string;
}

export class ActiveTables implements MappingTables {
  virtualSize: number;
  readonly l2: L2Store;
  readonly #setup: ActiveTablesSetup;
  #l1Table: DirtyTable;
  #l1: L1Table;
  /** Tables that are being made or copied, by L1 index. */
  readonly #making = new Map<number, Promise<void>>();

  constructor(setup: ActiveTablesSetup) {
    this.#setup = setup;
    this.l2 = setup.l2;
    this.virtualSize = setup.virtualSize;
    this.#l1Table = setup.l1;
    this.#l1 = new L1Table(setup.l1.bytes, setup.l1Entries);
  }

  get l1(): L1Table {
    return this.#l1;
  }

  /** The L1 table, for the committer and for those who move it. */
  get l1Table(): DirtyTable {
    return this.#l1Table;
  }

  get readAheadMax(): number {
    return this.l2.readAheadMax;
  }

  peek(offset: number): DataView | undefined {
    return this.l2.peek(offset)?.view;
  }

  async get(offset: number, options: IoOptions): Promise<DataView> {
    return (await this.l2.get(offset, options)).view;
  }

  readAhead(offset: number): void {
    this.l2.readAhead(offset);
  }

  /** L2 table `index` as it is, for somebody who calls `done` with it; undefined when there is none. */
  async use(index: number, options: IoOptions = {}): Promise<L2Table | undefined> {
    for (;;) {
      const offset = this.#offsetOf(index);
      if (offset === 0) return undefined;
      const table = await this.l2.use(offset, options);
      // It may have been replaced by a copy while this was waiting.
      if (this.#offsetOf(index) === offset) return table;
      this.done(table);
    }
  }

  /** L2 table `index`, made or copied if need be so that it may be changed; for somebody who calls `done` with it. */
  async useForChange(index: number, options: IoOptions = {}): Promise<L2Table> {
    for (;;) {
      if (!this.isOwn(index)) {
        await this.#make(index);
        continue;
      }
      const table = await this.use(index, options);
      if (table !== undefined && this.isOwn(index)) return table;
      if (table !== undefined) this.done(table);
    }
  }

  /** Its user has done with `table`. */
  done(table: L2Table): void {
    table.users--;
  }

  /** Takes the L2 table `index` out of the disk. Nobody may be using it. */
  dropTable(index: number): void {
    const offset = this.#offsetOf(index);
    if (offset === 0) return;
    const cluster = offset / this.#setup.geometry.clusterSize;
    this.l2.remove(offset);
    this.#setEntry(index, 0n);
    this.#setup.pending.add(cluster, 1, true);
  }

  /**
   * L2 table `index`, which is this disk's own, goes to host offset `offset`, with what it has in memory, if nobody is
   * working on it there; says whether it does. Its old place is for the caller to give up.
   */
  tryMoveTable(index: number, offset: number): boolean {
    const { geometry, places } = this.#setup;
    const old = this.#offsetOf(index);
    const table = this.l2.peek(old);
    if (table === undefined || table.users > 0 || !this.isOwn(index) || this.#making.has(index)) return false;
    const bytes = table.bytes.slice();
    this.l2.remove(old);
    this.l2.add(offset, bytes);
    places.add(offset, geometry.clusterSize);
    this.#setEntry(index, encodeL1Entry({ offset: BigInt(offset), copied: true, reserved: 0n }));
    return true;
  }

  /** The L1 table is now `table`, with `entries` entries. */
  replaceL1(table: DirtyTable, entries: number): void {
    this.#l1Table = table;
    this.#l1 = new L1Table(table.bytes, entries);
  }

  #offsetOf(index: number): number {
    return this.#l1.l2Offset(index);
  }

  /** Whether L2 table `index` is there and nothing else references it, so that it may be changed where it is. */
  isOwn(index: number): boolean {
    return this.#offsetOf(index) !== 0 && l1EntryIsCopied(this.#l1.high(index));
  }

  #make(index: number): Promise<void> {
    const underWay = this.#making.get(index);
    if (underWay !== undefined) return underWay;
    const making = this.#makeOrCopy(index).finally(() => this.#making.delete(index));
    this.#making.set(index, making);
    return making;
  }

  async #makeOrCopy(index: number): Promise<void> {
    const { allocator, geometry, places, pending } = this.#setup;
    const { clusterSize } = geometry;
    const old = this.#offsetOf(index);
    const bytes = new Uint8Array(clusterSize);
    if (old !== 0) bytes.set((await this.l2.get(old)).bytes);
    const { runs } = await allocator.reserve(1);
    const cluster = runs.first(0);
    const offset = cluster * clusterSize;
    this.l2.add(offset, bytes);
    places.add(offset, clusterSize);
    this.#setEntry(index, encodeL1Entry({ offset: BigInt(offset), copied: true, reserved: 0n }));
    if (old === 0) return;
    this.l2.remove(old);
    pending.add(old / clusterSize, 1, false);
  }

  #setEntry(index: number, entry: bigint): void {
    if (index >= this.#l1.size) {
      throw new EngineError("QCOW2_OUT_OF_RANGE", `${this.#setup.label} has no L1 entry ${index}`);
    }
    this.#l1Table.view.setBigUint64(index * ENTRY_BYTES, entry);
    this.#l1Table.markDirty(index * ENTRY_BYTES, ENTRY_BYTES);
  }
}
