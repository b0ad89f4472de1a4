// Compressed streams. Owns how they are known, and that damage in one is told as such.

import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import * as zlib from "node:zlib";
import type { IoOptions } from "@qcow/block";
import { CommandError } from "@qcow/cli-kit";
import { DehydrateError } from "../dehydrate-error.js";

export type Compression = "gzip" | "zstd";

/** What `start`, the first bytes of a file, says of how it is compressed. */
export function compressionOf(start: Uint8Array): Compression | undefined {
  if (start[0] === 0x1f && start[1] === 0x8b) return "gzip";
  const isZstd = start[0] === 0x28 && start[1] === 0xb5 && start[2] === 0x2f && start[3] === 0xfd;
  return isZstd ? "zstd" : undefined;
}

/** Hands `chunks`, compressed, to `take`. */
export async function compress(
  chunks: AsyncIterable<Uint8Array>,
  take: (chunks: AsyncIterable<Uint8Array>) => Promise<void>,
  { signal }: IoOptions,
): Promise<void> {
  const source = Readable.from(chunks, { objectMode: true, highWaterMark: 1 });
  const stages = [source, zlib.createGzip(), take] as const;
  await (signal === undefined ? pipeline(...stages) : pipeline(...stages, { signal }));
}

/** `chunks` without their compression. Rejects with `DEHYDRATED_BAD_ARCHIVE` when they are damaged. */
export async function* decompressed(
  chunks: AsyncIterable<Uint8Array>,
  compression: Compression,
): AsyncGenerator<Uint8Array> {
  const decompressor = compression === "gzip" ? zlib.createGunzip() : zstdDecompressor();
  const source = Readable.from(chunks, { objectMode: true, highWaterMark: 1 });
  const done = pipeline(source, decompressor).catch((error: unknown) => error);
  try {
    yield* decompressor;
  } catch (error) {
    const cause = (await done) ?? error;
    if (!isDamage(cause)) throw cause;
    const message = "this is no single file that dehydrate writes: its compression is damaged, or cut short";
    throw new DehydrateError("DEHYDRATED_BAD_ARCHIVE", message, cause);
  } finally {
    source.destroy();
    decompressor.destroy();
  }
}

function zstdDecompressor(): zlib.Gunzip {
  // Since Node.js 22.15.
  const { createZstdDecompress } = zlib as { createZstdDecompress?: () => zlib.Gunzip };
  if (createZstdDecompress !== undefined) return createZstdDecompress();
  throw new CommandError("CLI_USAGE", "this Node.js cannot read zstd", {
    hint: "Take the file apart first: zstd -d < FILE | tar x, then rehydrate dehydrated OUT.",
  });
}

/** Of the data, not of the file that it comes from. */
function isDamage(error: unknown): boolean {
  return error instanceof Error && /^(Z_|ZSTD_)/.test(String((error as { code?: unknown }).code));
}
