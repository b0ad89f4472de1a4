// Reads a table as it lies in the file: a tail past the end of the file reads as zero, as the format
// lets a file end after its last byte that is not zero. Owns the rule that the file's length, never a
// claim in the image, bounds what is allocated.

import type { IoOptions, ReadableBlockBackend, ReadOptions } from "@qcow/block";

/** Most bytes of one request to a backend. */
export const REQUEST_BYTES_MAX = 2 * 1024 * 1024;

/**
 * The bytes of `[offset, offset + length)` that the file has; fewer than `length` when it ends earlier,
 * none when it ends before `offset`.
 */
export async function readAvailable(
  backend: ReadableBlockBackend,
  offset: number,
  length: number,
  fileSize: number,
  options: IoOptions = {},
): Promise<Uint8Array> {
  const available = Math.max(0, Math.min(length, fileSize - offset));
  const bytes = new Uint8Array(available);
  const io: ReadOptions = { ...options, purpose: "metadata" };
  const requests: Promise<void>[] = [];
  for (let at = 0; at < available; at += REQUEST_BYTES_MAX) {
    requests.push(backend.read(offset + at, bytes.subarray(at, at + REQUEST_BYTES_MAX), io));
  }
  await Promise.all(requests);
  return bytes;
}
