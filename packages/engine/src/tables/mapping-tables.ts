// The tables that map a disk, as a layer walks them. Owns the contract, and the tables of a disk that is only read;
// those of one that is written are active-tables.ts.

import type { IoOptions } from "@qcow/block";
import type { L1Table } from "./l1-table.js";
import type { TableCache } from "./table-cache.js";

export interface MappingTables {
  /** Length of the disk in bytes. */
  readonly virtualSize: number;
  readonly l1: L1Table;
  /** Tables that may be under way ahead of their use. */
  readonly readAheadMax: number;
  /** The L2 table at this host offset if it is in memory. */
  peek(offset: number): DataView | undefined;
  /** The L2 table at this host offset, read if need be. */
  get(offset: number, options: IoOptions): Promise<DataView>;
  /** Starts to read a table that will be asked for soon. */
  readAhead(offset: number): void;
}

/** Tables that nobody changes. */
export class CachedTables implements MappingTables {
  readonly virtualSize: number;
  readonly l1: L1Table;
  readonly #cache: TableCache;

  constructor(virtualSize: number, l1: L1Table, cache: TableCache) {
    this.virtualSize = virtualSize;
    this.l1 = l1;
    this.#cache = cache;
  }

  get readAheadMax(): number {
    return this.#cache.readAheadMax;
  }

  peek(offset: number): DataView | undefined {
    return this.#cache.peek(offset);
  }

  get(offset: number, options: IoOptions): Promise<DataView> {
    return this.#cache.get(offset, options);
  }

  readAhead(offset: number): void {
    this.#cache.readAhead(offset);
  }
}
