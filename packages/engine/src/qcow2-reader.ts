// The read side of an image, for callers: a thin façade over layers/, mapping/ and read/.

import type { IoOptions, ReadableBlockBackend } from "@qcow/block";
import { EngineError } from "./engine-error.js";
import { type Extent, type ExtentBatch, ExtentFlag } from "./extent.js";
import { type OperationReports, reportOperation, reportOperationNow } from "./guest-operation.js";
import type { ImageMetadata } from "./image-metadata.js";
import type { Layer } from "./layers/layer.js";
import { type Chain, openChain } from "./layers/open-chain.js";
import { invalidRunError } from "./mapping/invalid-run.js";
import { mapChain } from "./mapping/map-chain.js";
import { mapExtents } from "./mapping/map-extents.js";
import { seekExtent } from "./mapping/seek.js";
import { CLUSTER_CACHE_BYTES_DEFAULT, type OpenOptions } from "./open-options.js";
import { CHUNK_BYTES_DEFAULT, type ChunkOptions, readChunks } from "./read/chunks.js";
import { ClusterCache } from "./read/cluster-cache.js";
import { executeRead, type ReadContext } from "./read/execute-read.js";
import { planRead } from "./read/plan-read.js";
import { readNow } from "./read/read-now.js";
import { readableStream } from "./read/readable-stream.js";
import { ScratchPool } from "./read/scratch-pool.js";
import { zeroGaps } from "./read/zero-gaps.js";

/** A part of the guest's disk, in bytes; to the disk's end when `length` is absent. */
export interface GuestRange {
  readonly offset?: number | undefined;
  readonly length?: number | undefined;
}

/** What a layer of the chain is. */
export interface LayerInfo {
  readonly label: string;
  readonly format: "qcow2" | "raw";
  /** Length of its disk in bytes. */
  readonly virtualSize: number;
  /** The file that the offsets of its extents refer to: its external data file (the name as recorded until it is open), else itself. */
  readonly dataLabel: string;
}

/**
 * A qcow2 image, open for reading, with its chain of backing files. All offsets and lengths are guest bytes.
 *
 * Rejections: `FormatError` (the image cannot be decoded), `EngineError` (what it says makes no sense or is not
 * supported), `BackendError` (the host failed), the signal's reason.
 */
export class Qcow2Reader implements AsyncDisposable {
  readonly #chain: Chain;
  readonly #context: ReadContext;
  readonly #reports: OperationReports;
  #closed = false;

  private constructor(
    chain: Chain,
    { compression, observer, time }: OpenOptions,
    reports: OperationReports,
    clusters: ClusterCache | undefined,
  ) {
    this.#chain = chain;
    this.#reports = { observer: reports.observer, time };
    this.#context = { layers: chain.layers, compression, observer, scratch: new ScratchPool(), clusters };
  }

  /**
   * Opens the image in `backend`. The backend stays the caller's: closing the reader closes the files that
   * were opened for references, not the backend.
   */
  static async open(backend: ReadableBlockBackend, options: OpenOptions = {}): Promise<Qcow2Reader> {
    const clusters = new ClusterCache(options.clusterCacheBytes ?? CLUSTER_CACHE_BYTES_DEFAULT);
    return new Qcow2Reader(await openChain(backend, options), options, options, clusters);
  }

  /** A reader of `chain` whose reads are not those of a guest, or reported by the caller. @internal */
  static of(chain: Chain, options: Pick<OpenOptions, "compression" | "observer">): Qcow2Reader {
    return new Qcow2Reader(chain, options, {}, undefined);
  }

  /** What the image itself says. */
  get metadata(): ImageMetadata {
    return this.#chain.metadata;
  }

  /** Length of the disk in bytes: whole sectors of 512. */
  get virtualSize(): number {
    return (this.#chain.layers[0] as Layer).virtualSize;
  }

  /**
   * Bytes of a good read, to be aligned to as many: large enough to be fast, small enough for a processor's cache unless a
   * file is far away, and whole clusters, since a compressed cluster that two reads share is decompressed twice.
   */
  get preferredReadBytes(): number {
    const { layers } = this.#chain;
    return layers.reduce((most, { clusterSize, imageFile, openedDataFile }) => {
      const file = Math.max(imageFile.preferredReadBytes, openedDataFile?.preferredReadBytes ?? 0);
      return Math.max(most, clusterSize, Math.ceil(file / clusterSize) * clusterSize);
    }, CHUNK_BYTES_DEFAULT);
  }

  /** The image and its backing files, top first. */
  get layers(): readonly LayerInfo[] {
    return this.#chain.layers.map(({ label, format, virtualSize, dataLabel }) => ({
      label,
      format,
      virtualSize,
      dataLabel,
    }));
  }

  /** Identities of all files that are open for this image, as far as they are known (`ReadableBlockBackend.identity`). */
  get identities(): ReadonlySet<string> {
    return this.#chain.identities();
  }

  /**
   * Opens what reading would open when it comes to it: the external data files of all layers. Rejects what would
   * keep contents from being read: a data file that cannot be opened, `QCOW2_ENCRYPTED` for an encrypted layer.
   */
  async openContents(options: IoOptions = {}): Promise<void> {
    this.#rangeEnd({});
    for (const layer of this.#chain.layers) {
      if (layer.encrypted) throw encryptedError(layer.label);
      await layer.dataFile(options);
    }
  }

  /** Fills `target` with the disk's bytes from `offset` on. Rejects `QCOW2_OUT_OF_RANGE` past the end of the disk. */
  async read(offset: number, target: Uint8Array, options: IoOptions = {}): Promise<void> {
    // A caller without types may say nothing; that must not mean the disk's start.
    const end = this.#rangeEnd({ offset: offset ?? Number.NaN, length: target.byteLength });
    const length = target.byteLength;
    await reportOperation(this.#reports, "read", offset, length, options, () =>
      this.#read(offset, end, target, options),
    );
    this.#reports.observer?.guestRead?.({ offset, length });
  }

  /**
   * The same if nothing has to be waited for, and whether that is so: `target`, which is not empty, lies within one cluster, and
   * what is needed is in memory. Where it is not, or something is wrong, `target` is of no use, and `read` is the way.
   */
  readNow(offset: number, target: Uint8Array): boolean {
    const length = target.byteLength;
    const isInside = Number.isSafeInteger(offset) && offset >= 0 && offset + length <= this.virtualSize;
    if (this.#closed || !isInside || length === 0) return false;
    const { layers, observer } = this.#context;
    const isDone = reportOperationNow(this.#reports, "read", offset, length, () =>
      readNow(layers, offset, target, observer),
    );
    if (isDone) this.#reports.observer?.guestRead?.({ offset, length });
    return isDone;
  }

  /** What the disk consists of, in order and without gaps, as `qemu-img map` says it. */
  async *map(range: GuestRange = {}, options: IoOptions = {}): AsyncGenerator<Extent, void, void> {
    for await (const batch of this.mapBatches(range, options)) {
      for (let index = 0; index < batch.count; index++) yield extentOf(batch, index);
    }
  }

  /** The same in typed arrays, for maps of millions of extents. */
  mapBatches(range: GuestRange = {}, options: IoOptions = {}): AsyncGenerator<ExtentBatch, void, void> {
    const end = this.#rangeEnd(range);
    return mapExtents(this.#chain.layers, range.offset ?? 0, end, options);
  }

  /** The first offset at or after `offset` that may hold something other than zeros; the disk's end when none does. */
  async seekMapped(offset: number, options: IoOptions = {}): Promise<number> {
    return await seekExtent(this.mapBatches({ offset }, options), true, this.virtualSize);
  }

  /** The first offset at or after `offset` that reads as zero without being stored; the disk's end when none does. */
  async seekUnmapped(offset: number, options: IoOptions = {}): Promise<number> {
    return await seekExtent(this.mapBatches({ offset }, options), false, this.virtualSize);
  }

  /** The disk's bytes in order, read ahead; a chunk is valid until the next one is asked for. */
  chunks(range: GuestRange = {}, options: ChunkOptions = {}): AsyncGenerator<Uint8Array, void, void> {
    const end = this.#rangeEnd(range);
    const chunkBytes = options.chunkBytes ?? this.preferredReadBytes;
    const read = (offset: number, target: Uint8Array, io: IoOptions) => this.read(offset, target, io);
    return readChunks(read, range.offset ?? 0, end, { ...options, chunkBytes });
  }

  /** The disk's bytes as a web stream. */
  readable(range: GuestRange = {}, options: ChunkOptions = {}): ReadableStream<Uint8Array> {
    return readableStream(this.chunks(range, options));
  }

  /** Closes the files that were opened for references. Closing again does nothing. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#chain.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #read(offset: number, end: number, target: Uint8Array, options: IoOptions): Promise<void> {
    const { layers } = this.#context;
    for (let at = offset; at < end; ) {
      options.signal?.throwIfAborted();
      const mapping = await mapChain(layers, at, end, undefined, options);
      const plan = planRead(mapping.runs);
      if (plan.invalidRun >= 0) {
        const index = plan.invalidRun;
        const { label } = layers[mapping.runs.depth[index] as number] as Layer;
        throw invalidRunError(
          label,
          mapping.runs.start[index] as number,
          mapping.runs.extra[index] as number,
        );
      }
      this.#refuseEncrypted(plan.spans);
      zeroGaps(mapping.runs, target, offset);
      await executeRead(this.#context, plan.spans, target, offset, options);
      at = mapping.end;
    }
  }

  #rangeEnd(range: GuestRange): number {
    if (this.#closed) throw new EngineError("QCOW2_CLOSED", `${this.metadata.label} is closed`);
    const { virtualSize } = this;
    const { offset = 0 } = range;
    const length = range.length ?? virtualSize - offset;
    const valid = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
    if (valid && offset + length <= virtualSize) return offset + length;
    throw new EngineError(
      "QCOW2_OUT_OF_RANGE",
      `offset ${offset} and length ${length} do not lie within the disk of ${virtualSize} bytes of ${this.metadata.label}`,
      { offset },
    );
  }

  #refuseEncrypted(spans: readonly { readonly depth: number }[]): void {
    const span = spans.find(({ depth }) => (this.#chain.layers[depth] as Layer).encrypted);
    if (span !== undefined) throw encryptedError((this.#chain.layers[span.depth] as Layer).label);
  }
}

function encryptedError(label: string): EngineError {
  const message = `the contents of ${label} are encrypted; reading them is not supported yet`;
  return new EngineError("QCOW2_ENCRYPTED", message);
}

function extentOf(batch: ExtentBatch, index: number): Extent {
  const flags = batch.flags[index] as number;
  const extent = {
    start: batch.start[index] as number,
    length: batch.length[index] as number,
    depth: batch.depth[index] as number,
    present: (flags & ExtentFlag.present) !== 0,
    zero: (flags & ExtentFlag.zero) !== 0,
    data: (flags & ExtentFlag.data) !== 0,
    compressed: (flags & ExtentFlag.compressed) !== 0,
  };
  return (flags & ExtentFlag.hasOffset) === 0 ? extent : { ...extent, offset: batch.offset[index] as number };
}
