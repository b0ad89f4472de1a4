// One qcow2 image as a disk: its L1 table, its cached L2 tables, its data file. Owns the walk over the
// tables; what their entries mean is in mapping/.

import type { CompressionMethod, IoOptions, ReadableBlockBackend } from "@qcow/block";
import type { Geometry } from "@qcow/format";
import { EngineError } from "../engine-error.js";
import type { ImageMetadata } from "../image-metadata.js";
import { mapL2Table } from "../mapping/map-l2-table.js";
import { RunBuilder } from "../mapping/run-builder.js";
import { RunKind, type RunList } from "../mapping/run-list.js";
import type { OpenOptions } from "../open-options.js";
import type { CacheShare } from "../tables/cache-share.js";
import { type L1Location, type L1Table, readL1Table } from "../tables/l1-table.js";
import { TableCache } from "../tables/table-cache.js";
import { untilAborted } from "../until-aborted.js";
import { yieldToHost } from "../yield-to-host.js";
import type { Layer, MapRequest } from "./layer.js";
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
}

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
  readonly virtualSize: number;
  readonly clusterSize: number;
  readonly encrypted: boolean;
  readonly metadata: ImageMetadata;
  readonly imageFile: LayerFile;
  readonly compressionMethod: CompressionMethod;
  readonly #geometry: Geometry;
  readonly #l1: L1Table;
  readonly #tables: TableCache;
  readonly #openDataFile: (options: IoOptions) => Promise<ReadableBlockBackend>;
  /** Aborted when the layer is closed. */
  readonly #closing = new AbortController();
  #entriesInARow = 0;
  #dataFile: Promise<LayerFile> | undefined;
  #openedDataFile: LayerFile | undefined;

  private constructor(file: LayerFile, setup: Qcow2LayerSetup, l1: L1Table) {
    const { metadata, options } = setup;
    this.label = file.label;
    this.metadata = metadata;
    this.virtualSize = setup.virtualSize;
    this.clusterSize = metadata.geometry.clusterSize;
    this.encrypted = metadata.encryption !== undefined;
    this.imageFile = file;
    this.compressionMethod = metadata.geometry.compressionMethod;
    this.#geometry = metadata.geometry;
    this.#l1 = l1;
    this.#openDataFile = setup.openDataFile;
    this.#tables = new TableCache(file, {
      tableBytes: metadata.geometry.clusterSize,
      share: setup.cacheShare,
      observer: options.observer,
    });
  }

  static async open(backend: ReadableBlockBackend, setup: Qcow2LayerSetup): Promise<Qcow2Layer> {
    const { metadata, options } = setup;
    const needed = Math.ceil(setup.virtualSize / metadata.geometry.guestBytesPerL2);
    const l1 = { offset: setup.l1.offset, size: Math.min(setup.l1.size, needed) };
    const table = await readL1Table(backend, l1, metadata.fileSize, options);
    return new Qcow2Layer(await LayerFile.of(backend, options), setup, table);
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
    const present = this.#l1.nextPresent(index, Math.ceil(end / span));
    if (present > index) {
      const next = Math.min(end, present * span);
      runs.add(at, next - at, RunKind.unallocated, 0, 0);
      return next;
    }
    const offset = this.#l1.l2Offset(index);
    const table = this.#tables.peek(offset) ?? (await this.#load(index, offset, end, options));
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
      const next = this.#l1.l2Offset(ahead);
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
