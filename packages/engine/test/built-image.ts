// An image that a test built: where its structures lie, and how to damage them. Owns no encoding.

import type { MemoryBackend } from "@qcow/backend-memory";
import { type Geometry, type Header, writeRefcount } from "@qcow/format";
import type { DiskModel } from "./disk-model.js";

export interface BuiltImageParts {
  readonly backend: MemoryBackend;
  readonly data: MemoryBackend | undefined;
  readonly geometry: Geometry;
  readonly header: Header;
  /** How often each host cluster is referenced. */
  readonly references: ReadonlyMap<number, number>;
  readonly model: DiskModel;
  /** Offsets of the active L2 tables by L1 index. */
  readonly l2Offsets: ReadonlyMap<number, number>;
  readonly refcountBlocks: ReadonlyMap<number, number>;
}

export class BuiltImage {
  readonly backend: MemoryBackend;
  /** The external data file. */
  readonly data: MemoryBackend | undefined;
  readonly geometry: Geometry;
  readonly header: Header;
  readonly references: ReadonlyMap<number, number>;
  readonly model: DiskModel;
  readonly l2Offsets: ReadonlyMap<number, number>;
  readonly refcountBlocks: ReadonlyMap<number, number>;

  constructor(parts: BuiltImageParts) {
    this.backend = parts.backend;
    this.data = parts.data;
    this.geometry = parts.geometry;
    this.header = parts.header;
    this.references = parts.references;
    this.model = parts.model;
    this.l2Offsets = parts.l2Offsets;
    this.refcountBlocks = parts.refcountBlocks;
  }

  get l1Offset(): number {
    return Number(this.header.l1TableOffset);
  }

  get refcountTableOffset(): number {
    return Number(this.header.refcountTableOffset);
  }

  get snapshotsOffset(): number {
    return Number(this.header.snapshotsOffset);
  }

  /** Offset in the file of the L2 entry of a guest cluster of the active disk. */
  l2EntryOffset(cluster: number): number {
    const { l2Entries, l2EntrySize } = this.geometry;
    const table = this.l2Offsets.get(Math.floor(cluster / l2Entries));
    if (table === undefined) throw new Error(`cluster ${cluster} has no L2 table`);
    return table + (cluster % l2Entries) * l2EntrySize;
  }

  getU64(offset: number): bigint {
    return new DataView(this.backend.toBytes(offset, 8).buffer).getBigUint64(0);
  }

  async putU64(offset: number, value: bigint): Promise<void> {
    const view = new DataView(new ArrayBuffer(8));
    view.setBigUint64(0, value);
    await this.backend.write(offset, new Uint8Array(view.buffer));
  }

  async putU32(offset: number, value: number): Promise<void> {
    const view = new DataView(new ArrayBuffer(4));
    view.setUint32(0, value);
    await this.backend.write(offset, new Uint8Array(view.buffer));
  }

  /** Changes the 64 bits at `offset`. */
  async edit(offset: number, change: (value: bigint) => bigint): Promise<void> {
    await this.putU64(offset, change(this.getU64(offset)));
  }

  /** Sets the stored refcount of a host cluster. */
  async setRefcount(cluster: number, value: bigint): Promise<void> {
    const { refcountBlockEntries, refcountBits, clusterSize } = this.geometry;
    const offset = this.refcountBlocks.get(Math.floor(cluster / refcountBlockEntries));
    if (offset === undefined) throw new Error(`cluster ${cluster} has no refcount block`);
    const block = this.backend.toBytes(offset, clusterSize);
    writeRefcount(block, cluster % refcountBlockEntries, refcountBits, value);
    await this.backend.write(offset, block);
  }

  /** Host cluster of a plain guest cluster. */
  hostOf(cluster: number): number {
    const offset = Number(this.getU64(this.l2EntryOffset(cluster)) & 0x00ff_ffff_ffff_fe00n);
    return offset / this.geometry.clusterSize;
  }
}
