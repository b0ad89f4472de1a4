// The contract for the two compression methods of qcow2. Asynchronous, so that a thread pool, a worker
// or a browser's streams can serve it. Owns no behaviour.

import type { IoOptions } from "./io-options.js";

/** `deflate` is the raw form of RFC 1951, without a zlib or gzip wrapper; `zstd` is one frame of RFC 8878. */
export type CompressionMethod = "deflate" | "zstd";

export interface CompressOptions extends IoOptions {
  /** Method-specific level; the implementation's default when absent. */
  readonly level?: number | undefined;
}

export interface CompressionBackend {
  /**
   * Decompresses one stream. `source` may carry padding after the stream's end. The output must fill `target`
   * exactly: a stream that is damaged, or yields less or more, rejects with `BACKEND_BAD_STREAM`, having
   * allocated no more than the target's length and a constant.
   */
  decompress(
    method: CompressionMethod,
    source: Uint8Array,
    target: Uint8Array,
    options?: IoOptions,
  ): Promise<void>;
  /** Compresses `source` into one stream. */
  compress(method: CompressionMethod, source: Uint8Array, options?: CompressOptions): Promise<Uint8Array>;
}
