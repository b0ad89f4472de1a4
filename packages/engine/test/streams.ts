// Compressed streams for tests, made by node:zlib and @qcow/backend-node rather than by what is under test.

import { promisify } from "node:util";
import { deflateRaw } from "node:zlib";
import { nodeCompression } from "@qcow/backend-node";

const deflateAsync = promisify(deflateRaw);

/** What reads compressed clusters in tests. */
export const compression = nodeCompression();

/** A raw deflate stream, as QEMU makes them. */
export async function deflate(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await deflateAsync(bytes, { level: 1, windowBits: 12 }));
}

/** A zstd frame. */
export async function zstd(bytes: Uint8Array): Promise<Uint8Array> {
  return await compression.compress("zstd", bytes, { level: 1 });
}
