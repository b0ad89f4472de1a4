// The contents of a raw disk that is read once, because it comes as a stream, or because compressing it twice would be dear:
// what is to be stored waits in memory, and spilled, until all of it is known.

import { type CompressionBackend, type CompressionMethod, type IoOptions, longBuffer } from "@qcow/block";
import { isAllZero } from "../decode/find-data.js";
import { EngineError } from "../engine-error.js";
import { ByteLog } from "../spill/byte-log.js";
import type { Spill } from "../spill/spill.js";
import type { StreamContents } from "./contents.js";
import { Packing } from "./packing.js";
import type { RawStep } from "./raw-steps.js";
import { StoredClusters } from "./stored-clusters.js";

export interface SpoolOptions extends IoOptions {
  readonly clusterSize: number;
  /** How clusters are compressed; undefined: not at all. */
  readonly method: CompressionMethod | undefined;
  readonly compression: CompressionBackend | undefined;
  readonly refcountMax: number;
  readonly memoryBytes: number;
  /** For clusters that are stored as they are, and for compressed ones. */
  readonly spills: readonly [Spill, Spill];
  readonly onScanned: (bytes: number) => void;
}

const SEND_BYTES = 1024 * 1024;

export async function spoolRaw(
  steps: AsyncIterable<RawStep>,
  options: SpoolOptions,
): Promise<StreamContents> {
  const spool = new Spool(options);
  let size = 0;
  // While one step is compressed, the one before it is put away.
  let before: Promise<void> = Promise.resolve();
  for await (const step of steps) {
    options.signal?.throwIfAborted();
    const streams = spool.compress(step.bytes);
    streams.catch(() => undefined);
    await before;
    before = spool.store(step, streams);
    before.catch(() => undefined);
    size = step.reached;
    options.onScanned(size);
  }
  await before;
  return spool.contents(size);
}

/** For each cluster of a step: its stream, `undefined` for one that is stored as it is, `null` for zeros. */
type Streams = (Uint8Array | undefined | null)[];

class Spool {
  readonly #options: SpoolOptions;
  readonly #record: StoredClusters;
  readonly #packing: Packing;
  readonly #plain: ByteLog;
  readonly #packed: ByteLog;

  constructor(options: SpoolOptions) {
    const { clusterSize, refcountMax, memoryBytes, spills } = options;
    this.#options = options;
    this.#record = new StoredClusters(clusterSize);
    this.#packing = new Packing(clusterSize, refcountMax);
    const share = options.method === undefined ? 1 : 0.5;
    this.#plain = new ByteLog(memoryBytes * share, spills[0], options);
    this.#packed = new ByteLog(memoryBytes * (1 - share), spills[1], options);
  }

  async compress(bytes: Uint8Array): Promise<Streams> {
    const { clusterSize } = this.#options;
    const count = bytes.byteLength / clusterSize;
    const one = async (_: unknown, at: number): Promise<Uint8Array | undefined | null> => {
      const cluster = bytes.subarray(at * clusterSize, (at + 1) * clusterSize);
      return isAllZero(cluster) ? null : await this.#compressed(cluster);
    };
    return await Promise.all(Array.from({ length: count }, one));
  }

  async #compressed(cluster: Uint8Array): Promise<Uint8Array | undefined> {
    const { method, compression, signal } = this.#options;
    if (method === undefined) return undefined;
    if (compression === undefined)
      throw new EngineError("QCOW2_MISSING_CAPABILITY", "nothing was given to compress clusters with");
    const stream = await compression.compress(method, cluster, { signal });
    return stream.byteLength < cluster.byteLength ? stream : undefined;
  }

  async store({ offset, bytes }: RawStep, compressed: Promise<Streams>): Promise<void> {
    const { clusterSize } = this.#options;
    for (const [at, stream] of (await compressed).entries()) {
      if (stream === null) continue;
      const index = offset / clusterSize + at;
      this.#record.set(index, stream?.byteLength ?? clusterSize);
      const done =
        stream === undefined
          ? this.#plain.append(bytes.subarray(at * clusterSize, (at + 1) * clusterSize))
          : this.#pack(stream);
      if (done !== undefined) await done;
    }
  }

  async #pack(stream: Uint8Array): Promise<void> {
    const start = this.#packing.place(stream.byteLength);
    const gap = start - this.#packed.length;
    if (gap > 0) await this.#packed.append(new Uint8Array(gap));
    await this.#packed.append(stream);
  }

  async contents(size: number): Promise<StreamContents> {
    const { clusterSize } = this.#options;
    const packedBytes = this.#packed.length;
    const rest = packedBytes % clusterSize;
    if (rest > 0) await this.#packed.append(new Uint8Array(clusterSize - rest));
    const logs = [this.#plain, this.#packed];
    return { size, record: this.#record, packedBytes, chunks: () => sent(logs) };
  }
}

async function* sent(logs: readonly ByteLog[]): AsyncGenerator<Uint8Array, void, void> {
  const buffer = longBuffer(SEND_BYTES);
  for (const log of logs) {
    for (let at = 0; at < log.length; at += buffer.byteLength) {
      const bytes = buffer.subarray(0, log.length - at);
      await log.read(at, bytes);
      yield bytes;
    }
  }
}
