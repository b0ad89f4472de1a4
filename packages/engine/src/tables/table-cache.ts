// A cache of L2 tables, bounded in bytes, least recently used first out. Concurrent misses of one table
// share one read. Owns no decoding.

import type { IoOptions } from "@qcow/block";
import type { LayerFile } from "../layers/layer-file.js";
import type { Observer } from "../observer.js";
import { untilAborted } from "../until-aborted.js";
import type { CacheShare } from "./cache-share.js";

/** Enough for a server that takes long to answer. */
const READ_AHEAD_MAX = 16;

export interface TableCacheOptions {
  /** Length of one table in bytes. */
  readonly tableBytes: number;
  /** Says how many bytes may be kept; one table is kept in any case. */
  readonly share: CacheShare;
  readonly observer?: Observer | undefined;
}

export class TableCache {
  readonly #file: LayerFile;
  readonly #tableBytes: number;
  readonly #share: CacheShare;
  readonly #observer: Observer | undefined;
  readonly #tables = new Map<number, DataView>();
  readonly #loading = new Map<number, Promise<DataView>>();

  constructor(file: LayerFile, options: TableCacheOptions) {
    this.#file = file;
    this.#tableBytes = options.tableBytes;
    this.#share = options.share;
    this.#share.join();
    this.#observer = options.observer;
  }

  get #tablesMax(): number {
    return Math.max(1, Math.floor(this.#share.bytesEach / this.#tableBytes));
  }

  /** Tables that may be under way ahead of their use without pushing each other out. */
  get readAheadMax(): number {
    return Math.min(READ_AHEAD_MAX, this.#tablesMax - 1);
  }

  /** The table if it is in memory. */
  peek(offset: number): DataView | undefined {
    const table = this.#tables.get(offset);
    if (table === undefined) return undefined;
    this.#tables.delete(offset);
    this.#tables.set(offset, table);
    this.#observer?.cacheLookup?.({ hit: true });
    return table;
  }

  /** The table at host offset `offset`, read if need be. */
  async get(offset: number, options: IoOptions = {}): Promise<DataView> {
    options.signal?.throwIfAborted();
    const cached = this.peek(offset);
    if (cached !== undefined) return cached;
    this.#observer?.cacheLookup?.({ hit: false });
    return await untilAborted(this.#load(offset), options.signal);
  }

  /** Starts to read a table that will be asked for soon; a failure shows when it is. */
  readAhead(offset: number): void {
    if (this.#tables.has(offset) || this.#loading.has(offset)) return;
    this.#load(offset).catch(() => undefined);
  }

  // No signal goes to the read: others may be waiting for the same table.
  #load(offset: number): Promise<DataView> {
    const underWay = this.#loading.get(offset);
    if (underWay !== undefined) return underWay;
    const loading = this.#read(offset).finally(() => this.#loading.delete(offset));
    this.#loading.set(offset, loading);
    return loading;
  }

  async #read(offset: number): Promise<DataView> {
    const length = this.#tableBytes;
    await this.#file.requireStartInside(offset, length, () => "an L2 table", {});
    const bytes = new Uint8Array(length);
    await this.#file.read(offset, bytes, { purpose: "metadata" });
    this.#observer?.hostRead?.({ offset, length: bytes.byteLength, purpose: "metadata" });
    const table = new DataView(bytes.buffer);
    this.#tables.set(offset, table);
    const tablesMax = this.#tablesMax;
    for (const oldest of this.#tables.keys()) {
      if (this.#tables.size <= tablesMax) break;
      this.#tables.delete(oldest);
    }
    return table;
  }
}
