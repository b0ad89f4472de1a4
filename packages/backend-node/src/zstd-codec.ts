// The two ways to zstd: node:zlib where it has it (Node.js 22.15 and later), a WebAssembly build
// elsewhere. Owns loading them, and only when they are needed. Frames come in already measured.

import type { Transform } from "node:stream";
import type * as Zlib from "node:zlib";
import { ZstdDecoders } from "./zstd-decoder.js";

/** Compresses and decompresses whole zstd frames. Rejects with the errors of the implementation. */
export interface ZstdCodec {
  /** Decompresses exactly one frame, which yields at most `length` bytes or rejects. */
  decompress(frame: Uint8Array, length: number): Promise<Uint8Array>;
  compress(source: Uint8Array, level: number): Promise<Uint8Array>;
}

type Callback = (error: Error | null, result: Uint8Array) => void;

interface ZstdOptions {
  readonly chunkSize?: number;
  readonly maxOutputLength?: number;
  readonly pledgedSrcSize?: number;
  readonly params?: Readonly<Record<number, number>>;
}

/** What newer versions of node:zlib have, and the types of the oldest version that is supported do not. */
interface ZlibWithZstd {
  createZstdDecompress(options: ZstdOptions): Transform;
  zstdCompress(source: Uint8Array, options: ZstdOptions, callback: Callback): void;
  readonly constants: { readonly ZSTD_c_compressionLevel: number };
}

/** The best codec of this host. */
export async function loadZstd(): Promise<ZstdCodec> {
  const zlib = await import("node:zlib");
  return hasZstd(zlib) ? nativeZstd(zlib) : await wasmZstd();
}

/** Whether this version of node:zlib has zstd. */
export function hasZstd(zlib: typeof Zlib): zlib is typeof Zlib & ZlibWithZstd {
  return "createZstdDecompress" in zlib;
}

/** What a decoder hands out at once: a cluster of the usual size. */
const DECODER_CHUNK_BYTES = 64 * 1024;

/** zstd of node:zlib, on its thread pool. */
export function nativeZstd(zlib: ZlibWithZstd): ZstdCodec {
  const decoders = new ZstdDecoders(() => zlib.createZstdDecompress({ chunkSize: DECODER_CHUNK_BYTES }));
  return {
    decompress: (frame, length) => decoders.decode(frame, length),
    compress(source, level) {
      const params = { [zlib.constants.ZSTD_c_compressionLevel]: level };
      const options = { params, pledgedSrcSize: source.length };
      return call((callback) => zlib.zstdCompress(source, options, callback));
    },
  };
}

let wasmCodec: Promise<ZstdCodec> | undefined;

/** zstd in WebAssembly, on the calling thread; one instance for the process. */
export function wasmZstd(): Promise<ZstdCodec> {
  wasmCodec ??= loadWasm();
  return wasmCodec;
}

async function loadWasm(): Promise<ZstdCodec> {
  const wasm = await import("@bokuweb/zstd-wasm");
  // Initialised a second time, the library mixes the memories of its two instances and returns garbage.
  if (!isInitialised(wasm)) await wasm.init();
  return {
    // For a frame without a content size the "default heap" is all the room that its output gets.
    decompress: async (frame, length) => wasm.decompress(frame, { defaultHeapSize: length }),
    compress: async (source, level) => wasm.compress(source, level),
  };
}

/** Another copy of this package, or another user of the library, may have done it; there is no other way to ask. */
function isInitialised(wasm: typeof import("@bokuweb/zstd-wasm")): boolean {
  try {
    return wasm.compress(new Uint8Array(1)).length > 0;
  } catch {
    return false;
  }
}

/**
 * Limits of node:zlib for an output of `length` bytes: an error beyond it, and one byte more of room than that, so that
 * the end of the stream is seen without a second buffer.
 */
export function outputLimits(length: number): { chunkSize: number; maxOutputLength: number } {
  return { chunkSize: Math.max(length + 1, SMALLEST_CHUNK), maxOutputLength: Math.max(length, 1) };
}

/** node:zlib takes no smaller one. */
const SMALLEST_CHUNK = 64;

/** One call of node:zlib as a promise. */
export function call(start: (callback: Callback) => void): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    start((error, result) => (error ? reject(error) : resolve(result)));
  });
}
