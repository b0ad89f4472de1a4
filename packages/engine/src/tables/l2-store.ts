// L2 tables of an image that is being changed: read when needed, changed in memory, kept while somebody works on them
// or the file lacks a change. Owns the cache; which changes are made is the writers' business.

import type { BlockBackend, IoOptions } from "@qcow/block";
import { EngineError } from "../engine-error.js";
import type { Observer } from "../observer.js";
import { untilAborted } from "../until-aborted.js";
import { DirtyTable } from "./dirty-table.js";
import { readAvailable } from "./read-available.js";

export class L2Table extends DirtyTable {
  /** How many are working on it. */
  users = 0;
}

/** The part of the cache that is added before the next look, when none could be let go. */
const EVICTION_PAUSE = 1 / 16;

export interface L2StoreOptions {
  readonly tableBytes: number;
  /** Most bytes kept of tables that are clean and unused; one table is kept in any case. */
  readonly bytesMax: number;
  readonly observer?: Observer | undefined;
}

export class L2Store {
  readonly #backend: BlockBackend;
  readonly #options: L2StoreOptions;
  /** By host offset, least recently used first. */
  readonly #tables = new Map<number, L2Table>();
  readonly #loading = new Map<number, Promise<L2Table>>();
  /** Fewer tables than this are not worth looking for some to let go. */
  #evictFrom = 0;

  constructor(backend: BlockBackend, options: L2StoreOptions) {
    this.#backend = backend;
    this.#options = options;
  }

  get #tablesMax(): number {
    return Math.max(1, Math.floor(this.#options.bytesMax / this.#options.tableBytes));
  }

  /** Tables that may be under way ahead of their use without pushing each other out. */
  get readAheadMax(): number {
    return Math.min(8, this.#tablesMax - 1);
  }

  /** Tables that cannot leave the memory, in parts of what may be kept: above 1 there are too many. */
  get load(): number {
    return this.#tables.size / Math.max(4, this.#tablesMax);
  }

  /** The table at host offset `offset` if it is in memory. */
  peek(offset: number): L2Table | undefined {
    const table = this.#tables.get(offset);
    if (table === undefined) return undefined;
    this.#tables.delete(offset);
    this.#tables.set(offset, table);
    this.#options.observer?.cacheLookup?.({ hit: true });
    return table;
  }

  /** The table at host offset `offset` for somebody who will change it and then calls `done`. */
  async use(offset: number, options: IoOptions = {}): Promise<L2Table> {
    for (;;) {
      const table = await this.get(offset, options);
      // While this was waiting, the table may have gone out of the cache again.
      if (this.#tables.get(offset) !== table) continue;
      table.users++;
      return table;
    }
  }

  /** The table at host offset `offset`, read if need be, to be looked at now. */
  async get(offset: number, options: IoOptions = {}): Promise<L2Table> {
    options.signal?.throwIfAborted();
    const cached = this.peek(offset);
    if (cached !== undefined) return cached;
    this.#options.observer?.cacheLookup?.({ hit: false });
    return await untilAborted(this.#load(offset), options.signal);
  }

  /** Starts to read a table that will be asked for soon; a failure shows when it is. */
  readAhead(offset: number): void {
    if (this.#tables.has(offset) || this.#loading.has(offset)) return;
    this.#load(offset).catch(() => undefined);
  }

  /** A table that the file does not have yet. */
  add(offset: number, bytes: Uint8Array): L2Table {
    const table = new L2Table(offset, bytes, true);
    this.#tables.set(offset, table);
    this.#evict(table);
    return table;
  }

  /** The table is no longer part of the image. */
  remove(offset: number): void {
    this.#tables.delete(offset);
    this.#loading.delete(offset);
  }

  /** Lets tables go that had to be kept until the file had them. */
  trim(): void {
    this.#evictFrom = 0;
    this.#evict(undefined);
  }

  /** Tables that the file does not have as they are. */
  dirtyTables(): L2Table[] {
    return [...this.#tables.values()].filter((table) => table.isDirty);
  }

  // No signal goes to the read: others may be waiting for the same table.
  #load(offset: number): Promise<L2Table> {
    const underWay = this.#loading.get(offset);
    if (underWay !== undefined) return underWay;
    const loading = this.#read(offset).finally(() => {
      if (this.#loading.get(offset) === loading) this.#loading.delete(offset);
    });
    this.#loading.set(offset, loading);
    return loading;
  }

  async #read(offset: number): Promise<L2Table> {
    const bytes = new Uint8Array(this.#options.tableBytes);
    const fileSize = await this.#backend.size();
    if (offset >= fileSize) {
      throw new EngineError(
        "QCOW2_REFERENCE_OUTSIDE_FILE",
        `an L2 table at offset ${offset} lies past the end of ${this.#backend.label} (${fileSize} bytes): the image is cut short or damaged`,
        { offset },
      );
    }
    bytes.set(await readAvailable(this.#backend, offset, bytes.byteLength, fileSize));
    this.#options.observer?.hostRead?.({ offset, length: bytes.byteLength, purpose: "metadata" });
    // Meanwhile the cluster may have become another table, which is right where this one is stale.
    const replaced = this.#tables.get(offset);
    if (replaced !== undefined) return replaced;
    const table = new L2Table(offset, bytes, false);
    // Nor is it kept when the table has gone elsewhere: the cluster may be anything.
    if (!this.#loading.has(offset)) return table;
    this.#tables.set(offset, table);
    this.#evict(table);
    return table;
  }

  #evict(newest: L2Table | undefined): void {
    let excess = this.#tables.size - this.#tablesMax;
    if (excess <= 0 || this.#tables.size < this.#evictFrom) return;
    for (const [offset, table] of this.#tables) {
      if (excess <= 0) return;
      if (table === newest || table.users > 0 || !table.isInFile) continue;
      this.#tables.delete(offset);
      excess--;
    }
    // All that is left is in use: looking again pays only when there are many more, or after a commit.
    this.#evictFrom = excess > 0 ? this.#tables.size + this.#tablesMax * EVICTION_PAUSE : 0;
  }
}
