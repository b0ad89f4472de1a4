// Compression without threads, so that nothing ends when it likes. Owns no format: both methods are raw deflate, since
// nobody but the simulator reads its images.

import { deflateRawSync, inflateRawSync } from "node:zlib";
import { BackendError, type CompressionBackend } from "@qcow/block";

export const deflateNow: CompressionBackend = {
  async compress(_method, source) {
    return deflateRawSync(source, { level: 1 });
  },

  async decompress(_method, source, target) {
    let bytes: Uint8Array;
    try {
      bytes = inflateRawSync(source, { maxOutputLength: target.length + 1 });
    } catch (cause) {
      throw new BackendError("BACKEND_BAD_STREAM", "the stream is damaged", { cause });
    }
    if (bytes.length !== target.length)
      throw new BackendError("BACKEND_BAD_STREAM", `the stream has ${bytes.length} bytes`);
    target.set(bytes);
  },
};
