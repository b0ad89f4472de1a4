// One qcow2 image as a disk: its L1 table, its cached L2 tables, its data file. Owns the walk over the
// tables; what their entries mean is in mapping/.

import { type CompressionMethod, type IoOptions, type ReadableBlockBackend, yieldToHost } from "@qcow/block";
import { type Geometry, l2EntryOffset } from "@qcow/format";
import { EngineError } from "../engine-error.js";
import type { ImageMetadata } from "../image-metadata.js";
import { mapL2Table } from "../mapping/map-l2-table.js";
import { isPlainEntry } from "../mapping/plain-entry.js";
import { RunBuilder } from "../mapping/run-builder.js";
import { RunKind, type RunList } from "../mapping/run-list.js";
import type { OpenOptions } from "../open-options.js";
import type { CacheShare } from "../tables/cache-share.js";
import { type L1Location, readL1Table } from "../tables/l1-table.js";
import { CachedTables, type MappingTables } from "../tables/mapping-tables.js";
import { TableCache } from "../tables/table-cache.js";
import { untilAborted } from "../until-aborted.js";
import { type Layer, type MapRequest, Place } from "./layer.js";
import { LayerFile } from "./layer-file.js";

export interface Qcow2LayerSetup {
  readonly metadata: ImageMetadata;
  /** The L1 table to read through: the active one, or a snapshot's. */
  readonly l1: L1Location;
  /** Length of the disk in bytes. */
  readonly virtualSize: number;
  /** Opens the external data file; only called for images that have one. */
  readonly openDataFile: (options: IoOptions) => Promise<ReadableBlockBackend>;
  readonly options: OpenOptions;
  readonly cacheShare: CacheShare;
  /** The tables to walk, where somebody has them already: they are being changed. */
  readonly tables?: MappingTables | undefined;
}

/** Bytes of a standard L2 entry. */
const ENTRY_BYTES = 8;

/** Fewest entries of one step: few runs may be left to make, but entries that join one cost none. */
const ENTRIES_MIN = 512;

/**
 * Entries mapped before the host gets a turn. Four million L1 entries may name one table, which is in memory: without
 * a pause nothing could cancel that.
 */
const ENTRIES_IN_A_ROW_MAX = 2 ** 20;

export class Qcow2Layer implements Layer {
  readonly format = "qcow2";
  readonly label: string;
  readonly clusterSize: number;
  readonly encrypted: boolean;
  readonly metadata: ImageMetadata;
  readonly imageFile: LayerFile;
  readonly compressionMethod: CompressionMethod;
  readonly #geometry: Geometry;
  readonly #tables: MappingTables;
  readonly #openDataFile: (options: IoOptions) => Promise<ReadableBlockBackend>;
  /** Aborted when the layer is closed. */
  readonly #closing = new AbortController();
  #entriesInARow = 0;
  #dataFile: Promise<LayerFile> | undefined;
  #openedDataFile: LayerFile | undefined;

  private constructor(file: LayerFile, setup: Qcow2LayerSetup, tables: MappingTables) {
    const { metadata } = setup;
    this.label = file.label;
    this.metadata = metadata;
    this.clusterSize = metadata.geometry.clusterSize;
    this.encrypted = metadata.encryption !== undefined;
    this.imageFile = file;
    this.compressionMethod = metadata.geometry.compressionMethod;
    this.#geometry = metadata.geometry;
    this.#tables = tables;
    this.#openDataFile = setup.openDataFile;
  }

  static async open(backend: ReadableBlockBackend, setup: Qcow2LayerSetup): Promise<Qcow2Layer> {
    const file = await LayerFile.of(backend, setup.options);
    return new Qcow2Layer(file, setup, setup.tables ?? (await readTables(backend, file, setup)));
  }

  get virtualSize(): number {
    return this.#tables.virtualSize;
  }

  async map(runs: RunList, request: MapRequest, options: IoOptions): Promise<number> {
    const { start, end, depth } = request;
    const countMax = runs.count + request.runsMax;
    const builder = new RunBuilder(runs, depth);
    let at = start;
    while (at < end && runs.count < countMax) {
      const entriesMax = Math.max(ENTRIES_MIN, countMax - runs.count);
      at = await this.#mapOneTable(builder, at, end, entriesMax, options);
      if (this.#entriesInARow >= ENTRIES_IN_A_ROW_MAX) await this.#pause(options);
    }
    builder.flush();
    return at;
  }

  async #mapOneTable(
    runs: RunBuilder,
    at: number,
    end: number,
    entriesMax: number,
    options: IoOptions,
  ): Promise<number> {
    const span = this.#geometry.guestBytesPerL2;
    const index = Math.floor(at / span);
    const present = this.#tables.l1.nextPresent(index, Math.ceil(end / span));
    if (present > index) {
      const next = Math.min(end, present * span);
      runs.add(at, next - at, RunKind.unallocated, 0, 0);
      return next;
    }
    const offset = this.#tables.l1.l2Offset(index);
    const table = this.#tables.peek(offset) ?? (await this.#load(index, offset, end, options));
    // A writer may have put a copy in its place meanwhile, and what is here now may be anything.
    if (this.#tables.l1.l2Offset(index) !== offset) return at;
    const base = index * span;
    const range = { table, base, start: at, end: Math.min(end, base + span) };
    const reached = mapL2Table(range, this.#geometry, entriesMax, runs);
    this.#entriesInARow += (reached - at) / this.clusterSize;
    return reached;
  }

  async #pause(options: IoOptions): Promise<void> {
    this.#entriesInARow = 0;
    await yieldToHost();
    options.signal?.throwIfAborted();
  }

  async #load(index: number, offset: number, end: number, options: IoOptions): Promise<DataView> {
    this.#requireAligned(index, offset);
    const span = this.#geometry.guestBytesPerL2;
    const last = Math.min(Math.ceil(end / span), index + 1 + this.#tables.readAheadMax);
    for (let ahead = index + 1; ahead < last; ahead++) {
      const next = this.#tables.l1.l2Offset(ahead);
      if (next !== 0 && next % this.clusterSize === 0) this.#tables.readAhead(next);
    }
    return await this.#tables.get(offset, options);
  }

  #requireAligned(index: number, offset: number): void {
    if (offset % this.clusterSize === 0) return;
    throw new EngineError(
      "QCOW2_UNALIGNED_OFFSET",
      `entry ${index} of the L1 table of ${this.label} names an L2 table at offset ${offset}, which is not aligned to clusters`,
      { offset },
    );
  }

  placeNow(start: number, end: number): number {
    const { clusterSize, guestBytesPerL2, hasDataFile, extendedL2 } = this.#geometry;
    const within = start % clusterSize;
    if (within + end - start > clusterSize || end > this.virtualSize) return Place.unknown;
    if (hasDataFile || extendedL2 || this.encrypted) return Place.unknown;
    const offset = this.#tables.l1.l2Offset(Math.floor(start / guestBytesPerL2));
    if (offset === 0) return Place.below;
    const table = this.#tables.peek(offset);
    if (table === undefined) return Place.unknown;
    const at = Math.floor((start % guestBytesPerL2) / clusterSize) * ENTRY_BYTES;
    const high = table.getUint32(at);
    const low = table.getUint32(at + 4);
    if ((high | low) === 0) return Place.below;
    const host = isPlainEntry(high, low, clusterSize - 1) ? l2EntryOffset(high, low) : 0;
    return host === 0 ? Place.unknown : host + within;
  }

  dataFile(options: IoOptions): Promise<LayerFile> {
    if (!this.#geometry.hasDataFile) return Promise.resolve(this.imageFile);
    this.#dataFile ??= this.#openData();
    return untilAborted(this.#dataFile, options.signal);
  }

  // No caller's signal goes along: others may be waiting for the same file.
  async #openData(): Promise<LayerFile> {
    const { signal } = this.#closing;
    let backend: ReadableBlockBackend | undefined;
    try {
      signal.throwIfAborted();
      backend = await this.#openDataFile({ signal });
      this.#openedDataFile = await LayerFile.of(backend, { signal });
      return this.#openedDataFile;
    } catch (error) {
      this.#dataFile = undefined;
      await backend?.close().catch(() => undefined);
      throw error;
    }
  }

  get openedDataFile(): LayerFile | undefined {
    return this.#geometry.hasDataFile ? this.#openedDataFile : this.imageFile;
  }

  get dataLabel(): string {
    return this.openedDataFile?.label ?? this.metadata.dataFile?.name ?? this.label;
  }

  async close(): Promise<void> {
    this.#closing.abort(new EngineError("QCOW2_CLOSED", `${this.label} is closed`));
    const dataFile = await this.#dataFile?.catch(() => undefined);
    await dataFile?.close();
  }
}

async function readTables(
  backend: ReadableBlockBackend,
  file: LayerFile,
  { metadata, l1, virtualSize, options, cacheShare }: Qcow2LayerSetup,
): Promise<MappingTables> {
  const needed = Math.ceil(virtualSize / metadata.geometry.guestBytesPerL2);
  const location = { offset: l1.offset, size: Math.min(l1.size, needed) };
  const table = await readL1Table(backend, location, metadata.fileSize, options);
  const tableBytes = metadata.geometry.clusterSize;
  const cache = new TableCache(file, { tableBytes, share: cacheShare, observer: options.observer });
  return new CachedTables(virtualSize, table, cache);
}
