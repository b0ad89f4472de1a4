// Chunks to a backend and back. Owns the position.

import type { BlockBackend, IoOptions, ReadableBlockBackend } from "@qcow/block";

const PIECE_BYTES = 1024 * 1024;

/** Writes all chunks, one after the other, from the start of `target` on. */
export async function writeChunks(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  target: BlockBackend,
  options: IoOptions,
): Promise<void> {
  let at = 0;
  for await (const chunk of chunks) {
    await target.write(at, chunk, options);
    at += chunk.length;
  }
}

/** The bytes of `source` up to `size`, in pieces. */
export async function* readChunks(
  source: ReadableBlockBackend,
  size: number,
  options: IoOptions,
): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < size; at += PIECE_BYTES) {
    const bytes = new Uint8Array(Math.min(PIECE_BYTES, size - at));
    await source.read(at, bytes, { ...options, purpose: "contents" });
    yield bytes;
  }
}
