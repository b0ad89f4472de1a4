// Encodes a raw disk as an image that goes out from its first byte to its last: to a pipe, an upload, another host. Owns what
// callers say, and which way is taken. All tables come before the contents, so whoever reads the image as a stream knows
// where each cluster belongs when it comes.

import type { CompressionBackend, LongOptions, ReadableBlockBackend } from "@qcow/block";
import { refcountMax } from "@qcow/format";
import { ByteSource } from "../byte-source.js";
import type { CreateOptions } from "../create/create-options.js";
import { settleOptions } from "../create/settle-options.js";
import { planEncodeSteps } from "../encode/plan-steps.js";
import { EngineError } from "../engine-error.js";
import { Spill, type SpillOpener } from "../spill/spill.js";
import type { StreamContents } from "./contents.js";
import { gathered } from "./gather-chunks.js";
import { planStream } from "./plan-stream.js";
import { type RawStep, stepsOfFile, stepsOfStream } from "./raw-steps.js";
import { type LeftOut, scanRaw } from "./scan-raw.js";
import { spoolRaw } from "./spool-raw.js";
import { AllClusters } from "./stored-clusters.js";
import { metadataPieces } from "./stream-tables.js";

/** Bytes of memory for what waits, unless the caller says otherwise. */
const MEMORY_BYTES_DEFAULT = 64 * 1024 * 1024;
/** Bytes of a step that is compressed: enough to keep all processors busy until its end. */
const COMPRESSED_STEP_BYTES = 4 * 1024 * 1024;
const STEP_BYTES = 1024 * 1024;

type ImageOptions = Pick<
  CreateOptions,
  "clusterSize" | "version" | "refcountBits" | "extendedL2" | "lazyRefcounts" | "compressionMethod"
>;

export interface EncodeStreamOptions extends ImageOptions, LongOptions {
  /** Length of the disk in bytes; that of the source by default. */
  readonly size?: number | undefined;
  /** Whether clusters are stored compressed, where that makes them smaller. */
  readonly compress?: boolean | undefined;
  /** What compresses them. */
  readonly compression?: CompressionBackend | undefined;
  /**
   * What takes no space in the image: clusters that are `zeros` (the default), `holes` as the host knows them, or `nothing`.
   * Only `zeros` makes the image depend on nothing but the contents of the disk.
   */
  readonly leaveOut?: LeftOut | undefined;
  /** Memory for what has to wait until the tables can be made, in bytes; 64 MiB by default. */
  readonly memoryBytes?: number | undefined;
  /** Makes a place for what exceeds that; called twice at most. Rejects `QCOW2_MISSING_CAPABILITY` without. */
  readonly openSpill?: SpillOpener | undefined;
  /** Told before the first byte how many there will be. */
  readonly onLength?: ((bytes: number) => void) | undefined;
}

/**
 * The image of `source`, a raw disk, in chunks; one is valid until the next is asked for. The same contents and options give
 * the same bytes: header, tables, then the clusters in the order of the disk, those that are stored as they are first.
 *
 * A backend is read twice, once to find what is zero; once with `leaveOut` `holes` or `nothing`. With `compress`, and when
 * `source` is a stream, it is read once, and what is stored waits in memory and in `openSpill`'s place, until all of it is
 * known; only a stream of known `size` with `leaveOut` `nothing` goes through as it comes.
 *
 * Rejects `QCOW2_BAD_OPTION` for what no image can be, `QCOW2_OUT_OF_RANGE` when `source` is longer than `size`. Progress is
 * in bytes: all of the disk for looking at it, and as much again for sending.
 */
export async function* encodeStream(
  source: ReadableBlockBackend | AsyncIterable<Uint8Array>,
  options: EncodeStreamOptions = {},
): AsyncGenerator<Uint8Array, void, void> {
  const spills = [new Spill(options.openSpill), new Spill(options.openSpill)] as const;
  const bytes = isBackend(source) ? undefined : new ByteSource(source, options.signal);
  try {
    // What is wrong with the options is said before anything is read.
    const settled = settleOptions({ ...options, size: options.size ?? 0 });
    const encoding = new Encoding(options, 2 ** settled.clusterBits, 2 ** settled.refcountOrder, spills);
    const contents =
      bytes === undefined
        ? await encoding.ofBackend(source as ReadableBlockBackend)
        : await encoding.ofStream(bytes);
    const plan = planStream(settleOptions({ ...options, size: options.size ?? contents.size }), contents);
    options.onLength?.(plan.length);
    let sent = 0;
    for await (const chunk of gathered(metadataPieces(plan, contents), contents.chunks())) {
      options.signal?.throwIfAborted();
      yield chunk;
      sent += chunk.byteLength;
      encoding.reportSent(sent / plan.length);
    }
  } finally {
    bytes?.abandon();
    for (const spill of spills) await spill.close();
  }
}

function isBackend(source: ReadableBlockBackend | AsyncIterable<Uint8Array>): source is ReadableBlockBackend {
  return !(Symbol.asyncIterator in source);
}

class Encoding {
  readonly #options: EncodeStreamOptions;
  readonly #clusterSize: number;
  readonly #refcountBits: number;
  readonly #spills: readonly [Spill, Spill];
  /** Length of the disk in bytes, as far as it is known. */
  #size: number;

  constructor(
    options: EncodeStreamOptions,
    clusterSize: number,
    refcountBits: number,
    spills: readonly [Spill, Spill],
  ) {
    this.#options = options;
    this.#clusterSize = clusterSize;
    this.#refcountBits = refcountBits;
    this.#spills = spills;
    this.#size = options.size ?? 0;
  }

  async ofBackend(source: ReadableBlockBackend): Promise<StreamContents> {
    const { signal, compress, leaveOut = "zeros" } = this.#options;
    const size = await source.size({ signal });
    this.#require(size, source.label);
    this.#size = Math.max(size, this.#size);
    const clusterSize = this.#clusterSize;
    if (compress !== true) {
      return await scanRaw(source, {
        signal,
        clusterSize,
        leaveOut,
        onScanned: (done) => this.#reportScanned(done),
      });
    }
    const plan = planEncodeSteps(source, size, clusterSize, this.#stepBytes, { signal });
    return await this.#spooled(stepsOfFile(source, plan, clusterSize, this.#stepBytes, { signal }));
  }

  async ofStream(source: ByteSource): Promise<StreamContents> {
    const { size, leaveOut, compress } = this.#options;
    const steps = this.#bounded(stepsOfStream(source, this.#clusterSize, this.#stepBytes));
    if (leaveOut !== "nothing" || compress === true) return await this.#spooled(steps);
    if (size === undefined)
      throw new EngineError(
        "QCOW2_BAD_OPTION",
        "to send a stream as it comes, the size of the disk must be known",
      );
    const clusterSize = this.#clusterSize;
    const count = Math.ceil(size / clusterSize);
    return {
      size,
      record: new AllClusters(count, clusterSize),
      packedBytes: 0,
      chunks: () => filledUp(steps, count * clusterSize),
    };
  }

  get #stepBytes(): number {
    return Math.max(this.#clusterSize, this.#options.compress === true ? COMPRESSED_STEP_BYTES : STEP_BYTES);
  }

  #spooled(steps: AsyncIterable<RawStep>): Promise<StreamContents> {
    const { signal, compress, compressionMethod = "deflate", compression, memoryBytes } = this.#options;
    return spoolRaw(steps, {
      signal,
      clusterSize: this.#clusterSize,
      method: compress === true ? compressionMethod : undefined,
      compression,
      refcountMax: refcountMax(this.#refcountBits),
      memoryBytes: memoryBytes ?? MEMORY_BYTES_DEFAULT,
      spills: this.#spills,
      onScanned: (done) => this.#reportScanned(done),
    });
  }

  /** `steps`, which must not go on past the size of the disk. */
  async *#bounded(steps: AsyncIterable<RawStep>): AsyncGenerator<RawStep, void, void> {
    for await (const step of steps) {
      this.#require(step.reached, "the stream");
      yield step;
    }
  }

  #require(reached: number, label: string): void {
    const { size = reached } = this.#options;
    if (reached <= size) return;
    const message = `${label} has ${reached} bytes or more, the disk is to have ${size}`;
    throw new EngineError("QCOW2_OUT_OF_RANGE", message);
  }

  #reportScanned(done: number): void {
    this.#size = Math.max(this.#size, done);
    this.#options.onProgress?.({ done, total: 2 * this.#size });
  }

  /** `share` of the image, from 0 to 1, has been taken. */
  reportSent(share: number): void {
    this.#options.onProgress?.({ done: Math.floor(this.#size * (1 + share)), total: 2 * this.#size });
  }
}

/** The bytes of `steps`, with zeros behind them up to `length`. */
async function* filledUp(
  steps: AsyncIterable<RawStep>,
  length: number,
): AsyncGenerator<Uint8Array, void, void> {
  let sent = 0;
  for await (const { bytes } of steps) {
    yield bytes;
    sent += bytes.byteLength;
  }
  const zeros = new Uint8Array(STEP_BYTES);
  for (; sent < length; sent += zeros.byteLength) yield zeros.subarray(0, length - sent);
}
