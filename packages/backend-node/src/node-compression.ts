// Raw deflate and zstd on Node.js. Owns the checks around the decoders: exact output, bounded memory,
// one error code. node:zlib and the zstd codec are loaded when they are first used.

import type * as Zlib from "node:zlib";
import {
  BackendError,
  type CompressionBackend,
  type CompressionMethod,
  type CompressOptions,
  findZstdFrame,
  type IoOptions,
} from "@qcow/block";
import { BoundedJobs } from "./bounded-jobs.js";
import { type DeflateParameters, DeflateWorkers } from "./deflate-workers.js";
import { call, loadZstd, outputLimits, type ZstdCodec } from "./zstd-codec.js";

/**
 * The window that QEMU's decoder needs; any is accepted when inflating. QEMU compresses at level 6: level 5 of the zlib
 * in Node.js gives 0.2 % more bytes, and takes a tenth less time.
 */
const DEFLATE = { level: 5, windowBits: 12, memLevel: 8 };
const INFLATE_WINDOW_BITS = 15;
/** What incompressible input can grow by, for a cluster; more only takes another buffer. */
const DEFLATE_GROWTH_BYTES = 1024;
const ZSTD_LEVEL = 3;

/** Bytes that are deflated on the thread pool before threads of our own are started, which takes some 30 ms. */
const FEW_BYTES = 4 * 1024 * 1024;

/** Decompressions at once: enough to keep the thread pool busy; more only cost memory, and the cache its contents. */
const JOBS_MAX = 16;

/**
 * Deflate on node:zlib's thread pool; zstd there too where Node.js has it (22.15 and later), else in WebAssembly on
 * the calling thread. A deflate stream that fills its target without having ended is accepted, as QEMU does.
 */
export function nodeCompression(): CompressionBackend {
  return new NodeCompression(loadZstd);
}

export class NodeCompression implements CompressionBackend {
  readonly #loadZstd: () => Promise<ZstdCodec>;
  readonly #jobs = new BoundedJobs(JOBS_MAX);
  /** One set of threads for the process. */
  static readonly #workers = new DeflateWorkers(() => import("node:worker_threads"));
  #deflatedBytes = 0;
  #zstd: Promise<ZstdCodec> | undefined;

  constructor(load: () => Promise<ZstdCodec>) {
    this.#loadZstd = load;
  }

  async decompress(
    method: CompressionMethod,
    source: Uint8Array,
    target: Uint8Array,
    options?: IoOptions,
  ): Promise<void> {
    await this.#jobs.run(async () => {
      options?.signal?.throwIfAborted();
      const output = await this.#decode(method, source, target.length);
      options?.signal?.throwIfAborted();
      if (output.length !== target.length) throw wrongLength(method, output.length, target.length);
      target.set(output);
    });
  }

  async #decode(method: CompressionMethod, source: Uint8Array, length: number): Promise<Uint8Array> {
    try {
      return await (method === "deflate" ? inflate(source, length) : this.#unzstd(source, length));
    } catch (error) {
      throw asBackendError(error, method, length);
    }
  }

  async compress(
    method: CompressionMethod,
    source: Uint8Array,
    options?: CompressOptions,
  ): Promise<Uint8Array> {
    options?.signal?.throwIfAborted();
    const output =
      method === "deflate"
        ? await this.#deflate(source, options?.level ?? DEFLATE.level)
        : await this.#zstdFrame(source, options?.level ?? ZSTD_LEVEL);
    options?.signal?.throwIfAborted();
    // A copy: small results of node:zlib lie in a pool whose memory other buffers share.
    return new Uint8Array(output);
  }

  async #deflate(source: Uint8Array, level: number): Promise<Uint8Array> {
    this.#deflatedBytes += source.length;
    const parameters = { ...DEFLATE, level };
    if (this.#deflatedBytes <= FEW_BYTES) return await deflate(source, parameters);
    try {
      return await NodeCompression.#workers.compress(source, parameters);
    } catch {
      // A host may forbid threads, or have no memory for them.
      return await deflate(source, parameters);
    }
  }

  async #unzstd(source: Uint8Array, length: number): Promise<Uint8Array> {
    // Measured before anything is loaded or reserved: a hostile frame costs nothing.
    const frame = findZstdFrame(source, length);
    const codec = await this.#codec();
    return codec.decompress(frame, length);
  }

  async #zstdFrame(source: Uint8Array, level: number): Promise<Uint8Array> {
    const codec = await this.#codec();
    const frame = await codec.compress(source, level);
    // This is about to be stored: what does not even look like a whole frame of this length must not be.
    if (findZstdFrame(frame, source.length).length === frame.length) return frame;
    throw new BackendError("BACKEND_IO", "zstd: the encoder made more than one frame");
  }

  #codec(): Promise<ZstdCodec> {
    this.#zstd ??= this.#loadZstd().catch((cause: unknown) => {
      throw new BackendError("BACKEND_UNSUPPORTED", "zstd: cannot be loaded on this host", { cause });
    });
    return this.#zstd;
  }
}

let loaded: typeof Zlib | undefined;

/** node:zlib, loaded once: an `import()` for each cluster costs a tenth of inflating it. */
async function loadZlib(): Promise<typeof Zlib> {
  loaded ??= await import("node:zlib");
  return loaded;
}

async function inflate(source: Uint8Array, length: number): Promise<Uint8Array> {
  const zlib = loaded ?? (await loadZlib());
  const options = {
    ...outputLimits(length),
    windowBits: INFLATE_WINDOW_BITS,
    // Ends with what there is when the input ends: a cut stream gives a short output, which is checked.
    finishFlush: zlib.constants.Z_SYNC_FLUSH,
  };
  return call((callback) => zlib.inflateRaw(source, options, callback));
}

async function deflate(source: Uint8Array, parameters: DeflateParameters): Promise<Uint8Array> {
  const zlib = loaded ?? (await loadZlib());
  // One buffer for all of the output: several small ones cost a quarter of the time.
  const chunkSize = source.length + DEFLATE_GROWTH_BYTES;
  return call((callback) => zlib.deflateRaw(source, { ...parameters, chunkSize }, callback));
}

function asBackendError(error: unknown, method: CompressionMethod, length: number): unknown {
  if (!(error instanceof Error) || error instanceof BackendError) return error;
  const code = (error as { code?: unknown }).code;
  if (code === "ERR_BUFFER_TOO_LARGE") return badStream(`${method}: yields more than ${length} bytes`, error);
  if (code === "Z_MEM_ERROR" || code === "ZSTD_error_memory_allocation") {
    return new BackendError("BACKEND_IO", `${method}: out of memory`, { cause: error });
  }
  return badStream(`${method}: damaged stream`, error);
}

function wrongLength(method: CompressionMethod, actual: number, expected: number): BackendError {
  return badStream(`${method}: yields ${actual} bytes instead of ${expected}`);
}

function badStream(message: string, cause?: unknown): BackendError {
  return new BackendError("BACKEND_BAD_STREAM", message, { cause });
}
