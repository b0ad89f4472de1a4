// The refcounts as the image has them: the refcount table and its blocks, read into pages (specification:
// "Host cluster management"). Owns the findings about the table's entries; comparing is compare-refcounts.ts.

import type { IoOptions, ReadableBlockBackend, ReadOptions } from "@qcow/block";
import {
  decodeRefcounts,
  refcountTableEntryHasReservedBits,
  refcountTableEntryOffset,
  toSafeNumber,
} from "@qcow/format";
import type { ImageHead } from "../image-metadata.js";
import { readAvailable } from "../tables/read-available.js";
import { ClusterPages, PAGE_CLUSTERS, type PageBudget } from "./cluster-pages.js";
import type { FindingLog } from "./finding-log.js";
import { hostOffset } from "./host-offset.js";
import { inFlight } from "./in-flight.js";
import { hex, type References } from "./references.js";
import { SlotBuffers } from "./slot-buffers.js";

const ENTRY_BYTES = 8;

export class StoredRefcounts {
  readonly #head: ImageHead;
  readonly #table: DataView;
  readonly #pages: ClusterPages<Uint16Array> | ClusterPages<Uint32Array>;
  /** Indexes of table entries whose block cannot be used. */
  readonly #unusable = new Set<number>();
  #defects = 0;

  private constructor(head: ImageHead, table: DataView, clusterCount: number, budget: PageBudget) {
    this.#head = head;
    this.#table = table;
    const narrow = head.geometry.refcountBits <= 16;
    this.#pages = narrow
      ? new ClusterPages(clusterCount, (length) => new Uint16Array(length), budget)
      : new ClusterPages(clusterCount, (length) => new Uint32Array(length), budget);
  }

  /** Reads the refcounts of the first `clusterCount` clusters. */
  static async load(
    backend: ReadableBlockBackend,
    head: ImageHead,
    clusterCount: number,
    budget: PageBudget,
    options: IoOptions,
  ): Promise<StoredRefcounts> {
    const { header, geometry, fileSize } = head;
    const place = { structure: "header", field: "refcount_table_offset", offset: 48 };
    const offset = toSafeNumber(header.refcountTableOffset, place);
    const length = header.refcountTableClusters * geometry.clusterSize;
    const bytes = await readAvailable(backend, offset, length, fileSize, options);
    const stored = new StoredRefcounts(head, new DataView(bytes.buffer), clusterCount, budget);
    await stored.#loadBlocks(backend, clusterCount, options);
    return stored;
  }

  /** Refcount of the cluster with this index; very large ones are cut to 2^32 - 1. */
  get(index: number): number {
    return this.#pages.get(index);
  }

  /** Has the refcount of cluster `index` be 0 from now on. */
  forget(index: number): void {
    this.#pages.clear(index);
  }

  /** Whether the refcount of this cluster could be read at all. */
  isKnown(index: number): boolean {
    return (
      this.#unusable.size === 0 ||
      !this.#unusable.has(Math.floor(index / this.#head.geometry.refcountBlockEntries))
    );
  }

  /** The pages, for a comparison of all. */
  get pages(): ClusterPages<Uint16Array> | ClusterPages<Uint32Array> {
    return this.#pages;
  }

  async #loadBlocks(backend: ReadableBlockBackend, clusterCount: number, options: IoOptions): Promise<void> {
    const { clusterSize, refcountBlockEntries } = this.#head.geometry;
    const blocks = Math.min(this.entryCount, Math.ceil(clusterCount / refcountBlockEntries));
    const buffers = new SlotBuffers();
    const io: ReadOptions = { signal: options.signal, purpose: "metadata" };
    await inFlight(blocks, async (index, slot) => {
      const offset = this.blockOffset(index);
      if (offset === 0 || offset >= this.#head.fileSize) return;
      if (offset % clusterSize !== 0) {
        this.#unusable.add(index);
        return;
      }
      options.signal?.throwIfAborted();
      const block = buffers.take(slot, Math.min(clusterSize, this.#head.fileSize - offset));
      await backend.read(offset, block, io);
      this.#decode(block, index * refcountBlockEntries, clusterCount);
    });
  }

  // Blocks and pages differ in size, so a block may fill several pages or a part of one.
  #decode(block: Uint8Array, firstCluster: number, clusterCount: number): void {
    const { refcountBits, refcountBlockEntries } = this.#head.geometry;
    const present = Math.floor((block.byteLength * 8) / refcountBits);
    const end = Math.min(firstCluster + Math.min(refcountBlockEntries, present), clusterCount);
    for (let cluster = firstCluster; cluster < end; ) {
      const within = cluster % PAGE_CLUSTERS;
      const count = Math.min(PAGE_CLUSTERS - within, end - cluster);
      const from = ((cluster - firstCluster) * refcountBits) / 8;
      const page = this.#pages.page(Math.floor(cluster / PAGE_CLUSTERS));
      decodeRefcounts(block.subarray(from), refcountBits, page, within, count);
      cluster += count;
    }
  }

  /** Entries of the refcount table that the file has. */
  get entryCount(): number {
    return Math.floor(this.#table.byteLength / ENTRY_BYTES);
  }

  /** Offset in bytes of refcount block `index`; 0 when there is none. */
  blockOffset(index: number): number {
    if (index >= this.entryCount) return 0;
    return refcountTableEntryOffset(
      this.#table.getUint32(index * ENTRY_BYTES),
      this.#table.getUint32(index * ENTRY_BYTES + 4),
    );
  }

  /** Counts the references to the table and its blocks, and reports entries that make no sense. Comes last: a block must have no other reference. */
  count(references: References, log: FindingLog): void {
    const { header, geometry } = this.#head;
    const tableBytes = header.refcountTableClusters * geometry.clusterSize;
    const tableOffset = hostOffset(header.refcountTableOffset);
    references.addTable(tableOffset, tableBytes, "the refcount table");
    for (let index = 0; index < this.entryCount; index++) {
      if (!this.#countBlock(index, references, log)) this.#defects++;
    }
    for (let at = tableOffset; at < tableOffset + tableBytes; at += geometry.clusterSize) {
      if (references.countAt(at) !== 1) this.#defects++;
    }
    if (tableBytes === 0) this.#defects++;
  }

  /** Whether, once all is counted, table and blocks lie inside the file, aligned, and share no cluster with anything. */
  get isSound(): boolean {
    return this.#defects === 0;
  }

  /** How many of these are not so. */
  get defects(): number {
    return this.#defects;
  }

  /** Calls `visit` with each place (offset and length in bytes) that the table or a block takes, and whether `count` counted it. */
  forEachPlace(visit: (offset: number, length: number, counted: boolean) => void): void {
    const { header, geometry } = this.#head;
    const tableBytes = header.refcountTableClusters * geometry.clusterSize;
    visit(hostOffset(header.refcountTableOffset), tableBytes, true);
    for (let index = 0; index < this.entryCount; index++) {
      const offset = this.blockOffset(index);
      const reserved = this.#hasReservedBits(index);
      if (offset !== 0) visit(offset, geometry.clusterSize, !reserved && offset % geometry.clusterSize === 0);
    }
  }

  #hasReservedBits(index: number): boolean {
    return refcountTableEntryHasReservedBits(this.#table.getUint32(index * ENTRY_BYTES + 4));
  }

  /** False when the block is not as it should be. */
  #countBlock(index: number, references: References, log: FindingLog): boolean {
    const { clusterSize } = this.#head.geometry;
    if (this.#hasReservedBits(index)) {
      const message = () => `entry ${index} of the refcount table has reserved bits set`;
      log.corruption("RESERVED_BITS_SET", message);
      return false;
    }
    const offset = this.blockOffset(index);
    if (offset === 0) return true;
    if (offset % clusterSize !== 0) {
      const message = () => `refcount block ${index} at offset ${hex(offset)} is not aligned to clusters`;
      log.corruption("UNALIGNED_OFFSET", message, offset);
      const unread = () => `the refcounts of refcount block ${index} cannot be checked`;
      if (this.#unusable.has(index)) log.error("TABLE_UNREADABLE", unread, offset);
      return false;
    }
    if (offset / clusterSize >= references.clusterCount) {
      const message = () => `refcount block ${index} at offset ${hex(offset)} lies past the end of the file`;
      log.corruption("REFERENCE_OUTSIDE_FILE", message, offset);
      references.addOutside(offset, clusterSize);
      return false;
    }
    references.add(offset, clusterSize, `refcount block ${index}`);
    const count = references.countAt(offset);
    if (count === 1) return true;
    const message = () => `refcount block ${index} at offset ${hex(offset)} is referenced ${count} times`;
    log.corruption("REFCOUNT_BLOCK_SHARED", message, offset);
    return false;
  }
}
