// Deflate and zstd in browsers, as the contract has them. Owns the choice of the decoder and the errors; the decoders
// are in inflate.ts and zstd/.

import {
  BackendError,
  type CompressionBackend,
  type CompressionMethod,
  type CompressOptions,
  findZstdFrame,
  type IoOptions,
} from "@qcow/block";
import { inflate } from "./inflate.js";
import { unzstd } from "./zstd/unzstd.js";

/**
 * Deflate by the browser's CompressionStream and DecompressionStream, which has one level: `level` is ignored. zstd is
 * decompressed only; compressing rejects with `BACKEND_UNSUPPORTED`. A deflate stream that fills its target without
 * having ended is accepted, as QEMU does.
 */
export function webCompression(): CompressionBackend {
  return { decompress, compress };
}

async function decompress(
  method: CompressionMethod,
  source: Uint8Array,
  target: Uint8Array,
  options?: IoOptions,
): Promise<void> {
  options?.signal?.throwIfAborted();
  if (method === "zstd") unzstd(findZstdFrame(source, target.length), target);
  else await inflateExactly(source, target);
  options?.signal?.throwIfAborted();
}

/** Padding fails the browser's stream, so that a failure counts only when the target is not full. */
async function inflateExactly(source: Uint8Array, target: Uint8Array): Promise<void> {
  const { length, error } = await inflate(source, target);
  if (length === target.length && (length > 0 || error === undefined)) return;
  const reason =
    length > target.length
      ? `yields more than ${target.length} bytes`
      : `yields ${length} bytes instead of ${target.length}`;
  throw new BackendError("BACKEND_BAD_STREAM", `deflate: ${reason}`, { cause: error });
}

async function compress(
  method: CompressionMethod,
  source: Uint8Array,
  options?: CompressOptions,
): Promise<Uint8Array> {
  options?.signal?.throwIfAborted();
  if (method === "zstd") {
    throw new BackendError("BACKEND_UNSUPPORTED", "zstd: browsers can decompress it, not compress with it");
  }
  const input = new Blob([source.slice()]).stream();
  const output = new Response(input.pipeThrough(new CompressionStream("deflate-raw")));
  const stream = new Uint8Array(await output.arrayBuffer());
  options?.signal?.throwIfAborted();
  return stream;
}
