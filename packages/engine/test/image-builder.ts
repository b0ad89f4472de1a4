// Builds qcow2 images of any geometry for tests, with @qcow/format's encoders, and keeps the model of what
// they hold. Owns allocation, sharing between snapshots, and right refcounts; damage is built-image.ts.

import {
  BITMAP_FLAG_AUTO,
  type BitmapDirectoryEntry,
  encodeBitmapDirectory,
  encodeBitmapTableEntry,
  encodeSnapshotTable,
  encodeSubclusterBitmap,
  type Geometry,
  type HeaderExtension,
  type L2Entry,
  type Snapshot,
} from "@qcow/format";
import { assembleImage, type ImageParts } from "./assemble-image.js";
import type { BuiltImage } from "./built-image.js";
import { DiskModel } from "./disk-model.js";
import { geometryFor, type HeaderChoices } from "./header-choices.js";
import { deflate, zstd } from "./streams.js";

/** What a new image is like; everything but the size has a usual value. */
export interface ImageOptions extends HeaderChoices {
  /** Virtual size in bytes. */
  readonly size: number;
  readonly label?: string | undefined;
  /** Name and format of a backing file. */
  readonly backing?: { readonly name: string; readonly format?: string | undefined } | undefined;
  /** Contents below the image: what unallocated clusters read as. */
  readonly below?: DiskModel | undefined;
  /** Name of an external data file; the data file itself comes with the image. */
  readonly dataFile?: string | undefined;
  readonly extensions?: readonly HeaderExtension[] | undefined;
  /** Host clusters left free before an allocation. */
  readonly gap?: (() => number) | undefined;
  /** Cuts the file after its last byte that is not zero. */
  readonly trim?: boolean | undefined;
}

/** One guest cluster: its entry without COPIED, its subclusters, and the host clusters it references. */
export interface Placed {
  readonly entry: L2Entry;
  readonly bitmap: bigint;
  readonly hosts: readonly number[];
}

/** The state of a disk: the active one, or the one a snapshot keeps. */
export interface DiskState {
  readonly clusters: Map<number, Placed>;
  readonly model: DiskModel;
}

export interface SnapshotState extends DiskState {
  readonly snapshot: Omit<Snapshot, "l1TableOffset" | "l1Size">;
}

const ALL = 0xffff_ffff;
const encoder = new TextEncoder();

export class ImageBuilder {
  readonly geometry: Geometry;
  readonly options: ImageOptions;
  #active: DiskState;
  readonly #snapshots: SnapshotState[] = [];
  readonly #bitmaps: BitmapDirectoryEntry[] = [];
  /** Host contents by offset, and the next free host cluster (0 is the header). */
  readonly #contents: { readonly offset: number; readonly bytes: Uint8Array }[] = [];
  readonly #dataContents: { readonly offset: number; readonly bytes: Uint8Array }[] = [];
  /** Host clusters referenced by bitmaps. */
  readonly #extraReferences: number[] = [];
  #next = 1;
  /** Where the next compressed stream goes: an offset, and the end of the clusters taken for streams. */
  #stream = { at: 0, end: 0 };

  constructor(options: ImageOptions) {
    this.options = options;
    this.geometry = geometryFor(options);
    const size = options.size - (options.size % 512);
    this.#active = { clusters: new Map(), model: options.below?.clone(size) ?? new DiskModel(size) };
  }

  /** What the active disk should hold. */
  get model(): DiskModel {
    return this.#active.model;
  }

  /** What each snapshot should hold. */
  get snapshots(): readonly SnapshotState[] {
    return this.#snapshots;
  }

  /** Number of guest clusters, the last of which may be cut. */
  get clusterCount(): number {
    return Math.ceil(this.model.size / this.geometry.clusterSize);
  }

  /** Takes `count` host clusters that follow each other; returns the offset in bytes. */
  allocate(count = 1): number {
    this.#next += this.options.gap?.() ?? 0;
    return this.#take(count);
  }

  #take(count: number): number {
    const offset = this.#next * this.geometry.clusterSize;
    this.#next += count;
    return offset;
  }

  /** Bytes that the file has at a host offset. */
  store(offset: number, bytes: Uint8Array): void {
    this.#contents.push({ offset, bytes });
  }

  /** A guest cluster of plain data. */
  data(cluster: number, bytes: Uint8Array): this {
    const offset = this.#placeData(cluster, bytes);
    return this.#place(cluster, standard("normal", offset), bitmapOf(ALL, 0), this.#hosts(offset), bytes);
  }

  /** A guest cluster that reads as zero, with or without a host cluster kept for it. */
  zero(cluster: number, allocated = false): this {
    const { clusterSize, extendedL2 } = this.geometry;
    const zeros = new Uint8Array(clusterSize);
    const offset = allocated ? this.#placeData(cluster, zeros.slice().fill(0xee)) : 0;
    const kept = allocated && (offset !== 0 || this.geometry.hasDataFile);
    const kind = extendedL2
      ? kept
        ? "normal"
        : "unallocated"
      : kept && offset !== 0
        ? "zeroAllocated"
        : "zeroPlain";
    const bitmap = extendedL2 ? bitmapOf(0, ALL) : 0n;
    return this.#place(cluster, standard(kind, offset), bitmap, kept ? this.#hosts(offset) : [], zeros);
  }

  /** A guest cluster whose subclusters are allocated, zero or neither, as the bits of `alloc` and `zero` say. */
  subclusters(cluster: number, bytes: Uint8Array, alloc: number, zero: number, reserved = alloc !== 0): this {
    const { clusterSize, subclusterSize } = this.geometry;
    const offset = reserved ? this.#placeData(cluster, bytes) : 0;
    const contents = new Uint8Array(clusterSize);
    for (let index = 0; index < 32; index++) {
      const [from, to] = [index * subclusterSize, (index + 1) * subclusterSize];
      const below = this.options.below?.read(cluster * clusterSize + from, subclusterSize);
      if (((alloc >>> index) & 1) === 1) contents.set(bytes.subarray(from, to), from);
      else if (((zero >>> index) & 1) === 0 && below !== undefined) contents.set(below, from);
    }
    const kind = reserved ? "normal" : "unallocated";
    return this.#place(cluster, standard(kind, offset), bitmapOf(alloc, zero), this.#hosts(offset), contents);
  }

  /** A compressed guest cluster; streams are packed one after the other. Plain data where it does not get smaller. */
  async compressed(cluster: number, bytes: Uint8Array, packed = true): Promise<this> {
    const stream = await (this.geometry.compressionMethod === "zstd" ? zstd(bytes) : deflate(bytes));
    if (stream.length >= this.geometry.clusterSize) return this.data(cluster, bytes);
    return this.stream(cluster, stream, bytes, packed);
  }

  /** A compressed guest cluster with the given stream, which should yield `bytes`. */
  stream(cluster: number, stream: Uint8Array, bytes: Uint8Array, packed = true): this {
    const { clusterSize } = this.geometry;
    if (!packed || this.#stream.at + stream.length > this.#stream.end) this.#newStreamClusters(packed);
    const at = this.#stream.at;
    this.store(at, stream);
    this.#stream.at += stream.length;
    const entry: L2Entry = {
      kind: "compressed",
      hostOffset: BigInt(at),
      length: stream.length,
      copied: false,
    };
    const sectorsEnd = Math.ceil((at + stream.length) / 512) * 512;
    const hosts: number[] = [];
    for (let host = Math.floor(at / clusterSize); host * clusterSize < sectorsEnd; host++) hosts.push(host);
    return this.#place(cluster, entry, 0n, hosts, bytes);
  }

  /** An entry as it is, with the host clusters it references; the model stays as it was. */
  entry(cluster: number, entry: L2Entry, bitmap = 0n, hosts: readonly number[] = []): this {
    this.#active.clusters.set(cluster, { entry, bitmap, hosts });
    return this;
  }

  /** A guest cluster with the very host cluster of another one. */
  share(cluster: number, other: number): this {
    const placed = this.#active.clusters.get(other);
    if (placed === undefined) throw new Error(`cluster ${other} is not there`);
    this.#active.clusters.set(cluster, placed);
    const { clusterSize } = this.geometry;
    this.model.write(cluster * clusterSize, this.model.read(other * clusterSize, clusterSize));
    return this;
  }

  /** Back to what is below. */
  unallocate(cluster: number): this {
    const { clusterSize } = this.geometry;
    this.#active.clusters.delete(cluster);
    const below = this.options.below ?? new DiskModel(0);
    this.model.write(cluster * clusterSize, below.read(cluster * clusterSize, clusterSize));
    return this;
  }

  /** An internal snapshot of the disk as it is now; `diskSize` is its own, `undefined` writes no extra data. */
  snapshot(id: string, name: string, changes: Partial<Snapshot> = {}): this {
    const { clusters, model } = this.#active;
    const snapshot = { ...plainSnapshot(id, name), diskSize: BigInt(this.options.size), ...changes };
    this.#snapshots.push({ clusters: new Map(clusters), model: model.clone(), snapshot });
    return this;
  }

  /** A persistent bitmap whose data clusters are all ones, zeros or stored, as `kinds` says. */
  bitmap(
    name: string,
    kinds: readonly ("zeros" | "ones" | "data")[],
    changes: Partial<BitmapDirectoryEntry> = {},
  ): this {
    const { clusterSize } = this.geometry;
    const tableOffset = this.allocate(Math.ceil((kinds.length * 8) / clusterSize));
    const table = new DataView(new ArrayBuffer(kinds.length * 8));
    kinds.forEach((kind, index) => {
      const offset = kind === "data" ? this.allocate() : 0;
      if (kind === "data") this.#extraReferences.push(offset / clusterSize);
      table.setBigUint64(index * 8, encodeBitmapTableEntry({ kind, offset: BigInt(offset), reserved: 0n }));
    });
    this.store(tableOffset, new Uint8Array(table.buffer));
    for (let at = 0; at < kinds.length * 8; at += clusterSize)
      this.#extraReferences.push((tableOffset + at) / clusterSize);
    this.#bitmaps.push({
      ...plainBitmap(name),
      tableOffset: BigInt(tableOffset),
      tableSize: kinds.length,
      ...changes,
    });
    return this;
  }

  /** A bitmap with the very table of the first one, unless `changes` says otherwise. */
  sameBitmap(name: string, changes: Partial<BitmapDirectoryEntry> = {}): this {
    const [first] = this.#bitmaps;
    if (first === undefined) throw new Error("there is no bitmap yet");
    this.#bitmaps.push({ ...first, name, nameBytes: encoder.encode(name), ...changes });
    return this;
  }

  /** The image. */
  async build(): Promise<BuiltImage> {
    const parts: ImageParts = {
      options: this.options,
      geometry: this.geometry,
      active: this.#active,
      snapshots: this.#snapshots,
      contents: this.#contents,
      dataContents: this.#dataContents,
      extraReferences: [...this.#extraReferences],
      allocate: (count) => this.allocate(count),
      allocateAtEnd: (count) => this.#take(count),
      encodeSnapshots: encodeSnapshotTable,
      bitmapDirectory: this.#bitmaps.length === 0 ? undefined : encodeBitmapDirectory(this.#bitmaps),
      bitmapCount: this.#bitmaps.length,
      end: () => this.#next * this.geometry.clusterSize,
    };
    return await assembleImage(parts);
  }

  #newStreamClusters(packed: boolean): void {
    const { clusterSize } = this.geometry;
    const at = this.allocate(packed ? 4 : 1);
    this.#stream = { at, end: at + (packed ? 4 : 1) * clusterSize };
  }

  #placeData(cluster: number, bytes: Uint8Array): number {
    if (this.geometry.hasDataFile) {
      const offset = cluster * this.geometry.clusterSize;
      this.#dataContents.push({ offset, bytes });
      return offset;
    }
    const offset = this.allocate();
    this.store(offset, bytes);
    return offset;
  }

  #hosts(offset: number): number[] {
    return this.geometry.hasDataFile || offset === 0 ? [] : [offset / this.geometry.clusterSize];
  }

  #place(cluster: number, entry: L2Entry, bitmap: bigint, hosts: readonly number[], bytes: Uint8Array): this {
    this.#active.clusters.set(cluster, { entry, bitmap: this.geometry.extendedL2 ? bitmap : 0n, hosts });
    this.model.write(cluster * this.geometry.clusterSize, bytes);
    return this;
  }
}

function standard(kind: "unallocated" | "normal" | "zeroPlain" | "zeroAllocated", offset: number): L2Entry {
  return { kind, offset: BigInt(offset), copied: false, reserved: 0n };
}

function bitmapOf(alloc: number, zero: number): bigint {
  return encodeSubclusterBitmap({ alloc, zero });
}

function plainSnapshot(id: string, name: string): Omit<Snapshot, "l1TableOffset" | "l1Size"> {
  return {
    id,
    name,
    idBytes: encoder.encode(id),
    nameBytes: encoder.encode(name),
    dateSec: 1_700_000_000,
    dateNsec: 5,
    vmClockNsec: 0n,
    vmStateSize: 0n,
    diskSize: undefined,
    icount: undefined,
    extraData: new Uint8Array(0),
  };
}

function plainBitmap(name: string): Omit<BitmapDirectoryEntry, "tableOffset" | "tableSize"> {
  return {
    flags: BITMAP_FLAG_AUTO,
    inUse: false,
    auto: true,
    extraDataCompatible: false,
    type: 1,
    granularityBits: 16,
    name,
    nameBytes: encoder.encode(name),
    extraData: new Uint8Array(0),
  };
}
