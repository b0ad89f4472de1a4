// Images as streams, for tests of those who decode them. Owns how a stream is cut into chunks.

import { MemoryBackend } from "@qcow/backend-memory";
import {
  type DecodedStream,
  type DecodeStreamOptions,
  decodeStream,
  decodeStreamInOrder,
  type PlaceStreamOptions,
} from "../../src/index.js";
import { compression } from "../streams.js";

/** `bytes` in chunks of `chunkBytes`. */
export async function* inChunks(bytes: Uint8Array, chunkBytes = 65536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += chunkBytes) yield bytes.slice(at, at + chunkBytes);
}

/** Spill places in memory, all of which can be looked at. */
export class Spills {
  readonly made: MemoryBackend[] = [];

  readonly open = async (): Promise<MemoryBackend> => {
    const backend = new MemoryBackend({ label: "spill" });
    this.made.push(backend);
    return backend;
  };
}

/** What the disk in `image` is, decoded into a place with old contents. */
export async function placed(
  image: Uint8Array,
  options: PlaceStreamOptions & { readonly chunkBytes?: number } = {},
): Promise<{ readonly disk: Uint8Array; readonly result: DecodedStream }> {
  const target = new MemoryBackend({ label: "target", size: 1000 });
  await target.write(0, new Uint8Array(1000).fill(0xee));
  const result = await decodeStream(inChunks(image, options.chunkBytes), target, { compression, ...options });
  return { disk: target.toBytes(), result };
}

/** The same, handed out in order. */
export async function inOrder(
  image: Uint8Array,
  options: DecodeStreamOptions & { readonly chunkBytes?: number } = {},
): Promise<{ readonly disk: Uint8Array; readonly result: DecodedStream }> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const take = async (chunk: Uint8Array): Promise<void> => {
    chunks.push(chunk.slice());
    bytes += chunk.byteLength;
  };
  const result = await decodeStreamInOrder(inChunks(image, options.chunkBytes), take, {
    compression,
    ...options,
  });
  const disk = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    disk.set(chunk, at);
    at += chunk.byteLength;
  }
  return { disk, result };
}
