// A qcow2 image open for reading and writing, for callers: a thin façade over write/, commit/ and resize/. Owns what
// callers may ask for and when.

import type { BlockBackend, IoOptions } from "@qcow/block";
import { isDirty } from "@qcow/format";
import { prepareWriting } from "./commit/prepare-writing.js";
import type { ImageConfig } from "./config/image-config.js";
import { requireCheckedImage } from "./config/require-checked-image.js";
import { requireDiscard, requireWritable, withConfiguredRefcounts } from "./config/what-is-allowed.js";
import { EngineError } from "./engine-error.js";
import type { Extent, ExtentBatch } from "./extent.js";
import type { ImageMetadata } from "./image-metadata.js";
import { type Chain, openChain } from "./layers/open-chain.js";
import { GUEST_SECTOR_BYTES } from "./layers/whole-sectors.js";
import type { GuestOperation } from "./observer.js";
import type { OpenImageOptions } from "./open-image-options.js";
import { type GuestRange, type LayerInfo, Qcow2Reader } from "./qcow2-reader.js";
import { readHead } from "./read-head.js";
import type { Recycler } from "./recycle/recycler.js";
import { startRecycling } from "./recycle/start-recycling.js";
import { type RecyclingStatistics, statisticsOf } from "./recycle/statistics.js";
import { repairDirty } from "./repair/repair-dirty.js";
import { growDisk, type ResizeContext, requireResizable, shrinkDisk } from "./resize/resize-disk.js";
import { requireNotCorrupt } from "./tables/header-store.js";
import { closeDisk } from "./write/close-disk.js";
import { GuestOperations } from "./write/guest-operations.js";
import { openDataFile } from "./write/open-data-file.js";
import { type ActiveDisk, openDisk } from "./write/open-disk.js";
import { whileLocked } from "./write/while-locked.js";
import { writeCompressedGuest } from "./write/write-compressed.js";
import { type WriteContext, writeContext } from "./write/write-context.js";
import { lockClusters, writeGuest } from "./write/write-guest.js";
import { zeroGuest } from "./write/zero-guest.js";

export interface WriteZeroesOptions extends IoOptions {
  /** Whether the space may be given up; `false` by default: it stays reserved where the format can say so. */
  readonly unmap?: boolean | undefined;
}

export interface ResizeOptions extends IoOptions {
  /** Must be `true` to make the disk shorter. */
  readonly allowDataLoss?: boolean | undefined;
}

/**
 * A qcow2 image, open for reading and writing. All offsets and lengths are guest bytes. Operations may run
 * concurrently, overlapping or not; one that overlaps others takes effect before or after each of them, byte by byte.
 * What was acknowledged is durable after `flush` or `close`; whatever happens before, each byte is old or new.
 *
 * Rejections: `FormatError`, `EngineError`, `BackendError`, the signal's reason. An operation that rejects may have
 * taken effect in part. After a failed flush everything but reading and closing rejects `QCOW2_FLUSH_FAILED`.
 */
export class Qcow2Image implements AsyncDisposable {
  readonly #backend: BlockBackend;
  readonly #reader: Qcow2Reader;
  readonly #disk: ActiveDisk;
  readonly #context: WriteContext;
  readonly #operations: GuestOperations;
  /** What callers may reach: differs from the disk's own size while that is being changed. */
  #size: number;
  #prepared: Promise<void> | undefined;
  #resizing: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;
  #recycler: Recycler | undefined;
  readonly #config: ImageConfig | undefined;

  private constructor(
    backend: BlockBackend,
    chain: Chain,
    disk: ActiveDisk,
    options: OpenImageOptions,
    data: BlockBackend | undefined,
  ) {
    this.#backend = backend;
    this.#disk = disk;
    this.#reader = Qcow2Reader.of(chain, options);
    this.#operations = new GuestOperations(options, () => this.#context.locks.describe());
    this.#size = disk.tables.virtualSize;
    this.#config = options.config;
    this.#context = writeContext(backend, chain, disk, data, options, (offset, target, io) =>
      this.#reader.read(offset, target, io),
    );
  }

  /**
   * Opens the image in `backend`, which stays the caller's. An image with the dirty bit is repaired first. Rejects
   * `QCOW2_CORRUPT` for one that is marked corrupt or whose tables make no sense, `QCOW2_ENCRYPTED` for encrypted ones.
   */
  static async open(backend: BlockBackend, asked: OpenImageOptions = {}): Promise<Qcow2Image> {
    const options = withConfiguredRefcounts(asked);
    requireWritable(backend.label, options.config);
    const head = await readHead(backend, { signal: options.signal, toleratesNoRefcountTable: true });
    const wasDirty = isDirty(head.header);
    if (wasDirty) await repairDirty(backend, { signal: options.signal });
    if (options.config?.checkOnConnect === true) await requireCheckedImage(backend, options);
    const data = head.dataFile && (await openDataFile(head.dataFile.name, backend, options));
    let disk: ActiveDisk | undefined;
    try {
      const chain = await openChain(backend, options, async (metadata) => {
        disk = await openDisk(backend, metadata, data, options, wasDirty);
        return { tables: disk.tables, dataFile: data };
      });
      const image = new Qcow2Image(backend, chain, disk as ActiveDisk, options, data);
      image.#recycler = await startRecycling(image.#context, disk as ActiveDisk, options, backend, {
        prepare: () => image.#prepare(),
        onCut: (size) => chain.layers[0]?.imageFile.cut(size),
      });
      return image;
    } catch (error) {
      await data?.close();
      throw error;
    }
  }

  /** What the image said when it was opened. */
  get metadata(): ImageMetadata {
    return this.#reader.metadata;
  }

  /** In bytes: whole sectors of 512. */
  get virtualSize(): number {
    return this.#size;
  }

  /** Free space and what becomes of it; undefined when it is not recycled (`config`). */
  get recycling(): RecyclingStatistics | undefined {
    if (this.#recycler === undefined) return undefined;
    return statisticsOf(this.#recycler, this.#context.geometry.clusterSize, this.#operations.totals);
  }

  /** See `Qcow2Reader.layers`. */
  get layers(): readonly LayerInfo[] {
    return this.#reader.layers;
  }

  /** See `Qcow2Reader.preferredReadBytes`. */
  get preferredReadBytes(): number {
    return this.#reader.preferredReadBytes;
  }

  /** See `Qcow2Reader.identities`. */
  get identities(): ReadonlySet<string> {
    return this.#reader.identities;
  }

  /** Fills `target` with the disk's bytes from `offset` on. */
  async read(offset: number, target: Uint8Array, options: IoOptions = {}): Promise<void> {
    this.#requireRange(offset, target.byteLength);
    await this.#operations.run("read", offset, target.byteLength, options, async () => {
      const unlock = await lockClusters(this.#context, offset, offset + target.byteLength, false, options);
      try {
        await this.#reader.read(offset, target, options);
      } finally {
        unlock();
      }
    });
  }

  /** See `Qcow2Reader.map`; what is written meanwhile may or may not show. */
  map(range: GuestRange = {}, options: IoOptions = {}): AsyncGenerator<Extent, void, void> {
    return whileLocked(this.#reader.map(range, options), this.#context.locks, options.signal);
  }

  /** As `map`, many at once. */
  mapBatches(range: GuestRange = {}, options: IoOptions = {}): AsyncGenerator<ExtentBatch, void, void> {
    return whileLocked(this.#reader.mapBatches(range, options), this.#context.locks, options.signal);
  }

  /** Writes `source` at `offset`. */
  async write(offset: number, source: Uint8Array, options: IoOptions = {}): Promise<void> {
    await this.#change("write", offset, source.byteLength, options, () =>
      writeGuest(this.#context, offset, source, options),
    );
  }

  /**
   * Writes `source`, whole clusters (the last may be cut by the end of the disk), and stores them compressed where
   * that makes them smaller. Needs a compression backend; images with an external data file store them plain.
   */
  async writeCompressed(offset: number, source: Uint8Array, options: IoOptions = {}): Promise<void> {
    await this.#change("compressed write", offset, source.byteLength, options, () =>
      writeCompressedGuest(this.#context, offset, source, options),
    );
  }

  /** Makes a range read as zero. */
  async writeZeroes(offset: number, length: number, options: WriteZeroesOptions = {}): Promise<void> {
    await this.#change("write zeroes", offset, length, options, () =>
      zeroGuest(this.#context, offset, offset + length, options.unmap ?? false, options),
    );
  }

  /** Gives a range up: it reads as zero, and whole clusters in it are free. `QCOW2_UNSUPPORTED_CHANGE`: not enabled. */
  async discard(offset: number, length: number, options: IoOptions = {}): Promise<void> {
    requireDiscard(this.#backend.label, this.#config);
    await this.#change("discard", offset, length, options, () =>
      zeroGuest(this.#context, offset, offset + length, true, options),
    );
  }

  /** Resolves once everything that was acknowledged before the call is durable. */
  async flush(options: IoOptions = {}): Promise<void> {
    this.#requireOpen();
    options.signal?.throwIfAborted();
    this.#disk.committer.coverEarlierWriters();
    await this.#operations.run("flush", 0, 0, options, () => this.#disk.committer.commit());
    this.#recycler?.notify();
  }

  /**
   * Makes the disk `size` bytes long, rounded up to whole sectors; durable when it resolves. Rejects `QCOW2_DATA_LOSS`
   * for a shorter disk unless `allowDataLoss` says so, `QCOW2_UNSUPPORTED_CHANGE` where snapshots (version 2) or
   * bitmaps forbid it, `QCOW2_IMAGE_TOO_LARGE` past the format's limits.
   */
  async resize(size: number, options: ResizeOptions = {}): Promise<void> {
    this.#requireOpen();
    if (!Number.isSafeInteger(size) || size < 0 || size > Number.MAX_SAFE_INTEGER - GUEST_SECTOR_BYTES) {
      throw new EngineError("QCOW2_OUT_OF_RANGE", `no size of a disk: ${size}`);
    }
    const target = Math.ceil(size / GUEST_SECTOR_BYTES) * GUEST_SECTOR_BYTES;
    const resizing = this.#resizing.then(() => this.#resize(target, options));
    this.#resizing = resizing.catch(() => undefined);
    await resizing;
  }

  /**
   * Waits for what is under way, makes everything durable with all refcounts, cuts off what the file does not need at
   * its end, and closes the files that were opened for references. Closing again does nothing.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #resize(size: number, options: ResizeOptions): Promise<void> {
    const { tables } = this.#disk;
    const context: ResizeContext = { disk: this.#disk, write: this.#context, metadata: this.metadata };
    options.signal?.throwIfAborted();
    this.#requireSound();
    if (size === tables.virtualSize) return;
    if (size < tables.virtualSize && options.allowDataLoss !== true) {
      throw new EngineError(
        "QCOW2_DATA_LOSS",
        `${this.#backend.label}: the disk has ${tables.virtualSize} bytes; making it ${size} bytes would lose what is behind that`,
      );
    }
    requireResizable(context, size);
    await this.#prepare();
    try {
      if (size > tables.virtualSize) await growDisk(context, size, options);
      else {
        this.#size = size; // from now on nobody can start to write behind the new end
        await shrinkDisk(context, size, options);
      }
    } finally {
      this.#size = tables.virtualSize;
    }
  }

  async #change(
    operation: GuestOperation,
    offset: number,
    length: number,
    options: IoOptions,
    job: () => Promise<void>,
  ): Promise<void> {
    this.#requireRange(offset, length);
    options.signal?.throwIfAborted();
    this.#requireSound();
    if (length === 0) return;
    await this.#operations.run(operation, offset, length, options, async () => {
      await this.#prepare();
      await job();
    });
    this.#recycler?.notify();
  }

  #prepare(): Promise<void> {
    this.#prepared ??= this.#prepareOnce().catch((error: unknown) => {
      this.#prepared = undefined;
      throw error;
    });
    return this.#prepared;
  }

  async #prepareOnce(): Promise<void> {
    const { committer, header } = this.#disk;
    committer.coverEarlierWriters();
    await committer.exclusively(async () => {
      if (await prepareWriting(this.#backend, header, this.metadata)) await committer.flushImage();
    });
  }

  async #close(): Promise<void> {
    await this.#resizing;
    await this.#operations.idle();
    await this.#recycler?.close();
    this.#operations.close();
    try {
      await closeDisk(this.#backend, this.#disk);
    } finally {
      await this.#reader.close();
    }
  }

  #requireOpen(): void {
    if (this.#closing === undefined) return;
    throw new EngineError("QCOW2_CLOSED", `${this.#backend.label} is closed`);
  }

  /** Neither after a failed flush nor when the image was found to be corrupt anything more is changed. */
  #requireSound(): void {
    this.#disk.committer.requireSound();
    requireNotCorrupt(this.#backend.label, this.#disk.header);
  }

  #requireRange(offset: number, length: number): void {
    this.#requireOpen();
    const valid = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
    if (valid && offset + length <= this.#size) return;
    throw new EngineError(
      "QCOW2_OUT_OF_RANGE",
      `offset ${offset} and length ${length} do not lie within the disk of ${this.#size} bytes of ${this.#backend.label}`,
      { offset },
    );
  }
}
