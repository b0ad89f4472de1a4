// The refcounts of an image that is being changed: the refcount table in memory, its blocks as they are needed
// (specification: "Host cluster management"). Owns loading, caching and what the file does not have yet; which
// cluster gets which count is the allocator's business.

import type { BlockBackend } from "@qcow/block";
import {
  encodeRefcountTableEntry,
  type Geometry,
  type Header,
  REFCOUNT_TABLE_BYTES_MAX,
  refcountAt,
  refcountMax,
  refcountTableEntryHasReservedBits,
  refcountTableEntryOffset,
  setRefcountAt,
} from "@qcow/format";
import { EngineError } from "../engine-error.js";
import { DirtyTable } from "../tables/dirty-table.js";
import { readAvailable } from "../tables/read-available.js";

const ENTRY_BYTES = 8;

/** Bytes of blocks that are kept although they are clean; at least two blocks. */
const CLEAN_BYTES_MAX = 16 * 1024 * 1024;

/** Where the refcount table lies, in bytes and clusters. */
export interface RefcountTablePlace {
  readonly offset: number;
  readonly clusters: number;
}

export class RefcountStore {
  readonly geometry: Geometry;
  /** The largest refcount there can be. */
  readonly max: number;
  /** Blocks were moved, and the file does not say so: their old places wait to be free. */
  hasMovedBlocks = false;
  readonly #backend: BlockBackend;
  #table: DirtyTable;
  /** By index in the table, least recently loaded first. */
  readonly #blocks = new Map<number, DirtyTable>();
  readonly #loading = new Map<number, Promise<DirtyTable>>();
  /** From this cluster on, which nobody has used since, what the file has as refcounts is stale. */
  #staleFrom: number;

  private constructor(backend: BlockBackend, geometry: Geometry, table: DirtyTable, staleFrom: number) {
    this.#backend = backend;
    this.#staleFrom = staleFrom;
    this.geometry = geometry;
    this.max = refcountMax(geometry.refcountBits);
    this.#table = table;
  }

  /**
   * Reads the refcount table. Rejects `QCOW2_CORRUPT` when an entry makes no sense. `isRepaired` says that nothing refers to
   * a place past the end of the file; refcounts that a crash has left there would be leaks once the file grows.
   */
  static async open(
    backend: BlockBackend,
    header: Header,
    geometry: Geometry,
    fileSize: number,
    isRepaired: boolean,
  ): Promise<RefcountStore> {
    const offset = Number(header.refcountTableOffset);
    const length = header.refcountTableClusters * geometry.clusterSize;
    const bytes = new Uint8Array(length);
    bytes.set(await readAvailable(backend, offset, length, fileSize));
    const staleFrom = isRepaired ? Math.ceil(fileSize / geometry.clusterSize) : Number.POSITIVE_INFINITY;
    const store = new RefcountStore(backend, geometry, new DirtyTable(offset, bytes, false), staleFrom);
    store.#checkTable(fileSize);
    return store;
  }

  /** Entries of the refcount table. */
  get entries(): number {
    return this.#table.bytes.byteLength / ENTRY_BYTES;
  }

  get place(): RefcountTablePlace {
    const { offset, bytes } = this.#table;
    return { offset, clusters: bytes.byteLength / this.geometry.clusterSize };
  }

  /** Whether the table was moved since the header was last written. */
  get isMoved(): boolean {
    return this.#table.isNew;
  }

  /** Host offset of block `index`; 0 when there is none. */
  blockOffset(index: number): number {
    if (index >= this.entries) return 0;
    const at = index * ENTRY_BYTES;
    return refcountTableEntryOffset(this.#table.view.getUint32(at), this.#table.view.getUint32(at + 4));
  }

  /** Block `index` if it is in memory. */
  peek(index: number): DirtyTable | undefined {
    return this.#blocks.get(index);
  }

  /** Index of the block that counts host cluster `cluster`. */
  blockIndexOf(cluster: number): number {
    return Math.floor(cluster / this.geometry.refcountBlockEntries);
  }

  /** Whether the refcount of `cluster` is in memory. */
  has(cluster: number): boolean {
    return this.#blocks.has(this.blockIndexOf(cluster));
  }

  /** The refcount of `cluster`, which is in memory. */
  get(cluster: number): number {
    const { refcountBits, refcountBlockEntries } = this.geometry;
    return refcountAt(this.#blockOf(cluster).view, cluster % refcountBlockEntries, refcountBits);
  }

  /** Changes the refcount of `cluster`, which is in memory. */
  set(cluster: number, refcount: number): void {
    const { refcountBits, refcountBlockEntries } = this.geometry;
    const index = cluster % refcountBlockEntries;
    const block = this.#blockOf(cluster);
    setRefcountAt(block.view, index, refcountBits, refcount);
    if (refcount > 0 && cluster >= this.#staleFrom) this.#staleFrom = cluster + 1;
    block.markDirty(Math.floor((index * refcountBits) / 8), Math.max(1, refcountBits / 8));
  }

  #blockOf(cluster: number): DirtyTable {
    const block = this.#blocks.get(this.blockIndexOf(cluster));
    if (block === undefined) throw new TypeError(`the refcount of cluster ${cluster} is not in memory`);
    return block;
  }

  /** Block `index`, which the table must name. */
  async load(index: number): Promise<DirtyTable> {
    const present = this.#blocks.get(index) ?? this.#loading.get(index);
    if (present !== undefined) return present;
    const loading = this.#read(index).finally(() => this.#loading.delete(index));
    this.#loading.set(index, loading);
    return loading;
  }

  /** Adds an empty block `index` at host offset `offset`, of which nothing is written yet. */
  addBlock(index: number, offset: number): DirtyTable {
    const block = new DirtyTable(offset, new Uint8Array(this.geometry.clusterSize), true);
    this.#blocks.set(index, block);
    this.#setEntry(index, offset);
    return block;
  }

  #setEntry(index: number, offset: number): void {
    const at = index * ENTRY_BYTES;
    const entry = encodeRefcountTableEntry({ offset: BigInt(offset), reserved: 0n });
    this.#table.view.setBigUint64(at, entry);
    this.#table.markDirty(at, ENTRY_BYTES);
  }

  /** Block `index`, which is in memory, goes to host offset `offset`; nothing of it is written there yet. */
  moveBlock(index: number, offset: number): void {
    const { bytes } = this.#blocks.get(index) as DirtyTable;
    this.#blocks.set(index, new DirtyTable(offset, bytes, true));
    this.#setEntry(index, offset);
    this.hasMovedBlocks = true;
  }

  /** The table becomes a longer one at `place`, with the same entries; nothing of it is written yet. */
  moveTable(place: RefcountTablePlace): void {
    const bytes = new Uint8Array(place.clusters * this.geometry.clusterSize);
    bytes.set(this.#table.bytes);
    this.#table = new DirtyTable(place.offset, bytes, true);
  }

  /** The table, for the committer. */
  get table(): DirtyTable {
    return this.#table;
  }

  /** Blocks that the file does not have as they are, for the committer. */
  dirtyBlocks(): DirtyTable[] {
    return [...this.#blocks.values()].filter((block) => block.isDirty);
  }

  /** Whether any refcount in memory differs from the file. */
  get isDirty(): boolean {
    if (this.#table.isDirty) return true;
    for (const block of this.#blocks.values()) if (block.isDirty) return true;
    return false;
  }

  async #read(index: number): Promise<DirtyTable> {
    const offset = this.blockOffset(index);
    const bytes = new Uint8Array(this.geometry.clusterSize);
    const fileSize = await this.#backend.size();
    bytes.set(await readAvailable(this.#backend, offset, bytes.byteLength, fileSize));
    const block = new DirtyTable(offset, bytes, false);
    this.#evictClean();
    this.#blocks.set(index, block);
    this.#clearStale(index);
    return block;
  }

  #clearStale(index: number): void {
    const { refcountBlockEntries } = this.geometry;
    const end = (index + 1) * refcountBlockEntries;
    for (let cluster = Math.max(this.#staleFrom, end - refcountBlockEntries); cluster < end; cluster++) {
      if (this.get(cluster) !== 0) this.set(cluster, 0);
    }
  }

  #evictClean(): void {
    const blocksMax = Math.max(2, Math.floor(CLEAN_BYTES_MAX / this.geometry.clusterSize));
    for (const [index, block] of this.#blocks) {
      if (this.#blocks.size < blocksMax) return;
      if (block.isInFile) this.#blocks.delete(index);
    }
  }

  #checkTable(fileSize: number): void {
    const { clusterSize } = this.geometry;
    const seen = new Set<number>();
    for (let index = 0; index < this.entries; index++) {
      const offset = this.blockOffset(index);
      const reserved = refcountTableEntryHasReservedBits(this.#table.view.getUint32(index * ENTRY_BYTES + 4));
      if (offset === 0 && !reserved) continue;
      if (reserved || offset % clusterSize !== 0 || offset >= fileSize || seen.has(offset)) {
        throw new EngineError(
          "QCOW2_CORRUPT",
          `entry ${index} of the refcount table of ${this.#backend.label} makes no sense; repair the image before writing to it`,
          { offset },
        );
      }
      seen.add(offset);
    }
  }
}

/** Most entries a refcount table may have. */
export const REFCOUNT_TABLE_ENTRIES_MAX = REFCOUNT_TABLE_BYTES_MAX / ENTRY_BYTES;
