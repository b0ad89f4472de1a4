// Map and metadata in one stream: a tar archive, so that any system can take it apart into the two files. Owns what is in it,
// in this order; compressing it is the caller's.

import type { Dehydrated } from "../dehydrate.js";
import type { RehydrateSource } from "../rehydrate.js";
import { ByteStream } from "./byte-stream.js";
import { badArchive, decodeTarHeader, encodeTarHeader, TAR_BLOCK_BYTES } from "./tar-header.js";

const MAP_NAME = "dehydrated.map";
const META_NAME = "dehydrated.meta";
/** Four million intervals with the longest numbers. */
const MAP_BYTES_MAX = 256 * 1024 * 1024;
/** Zeros that end an archive, at most. */
const END_BYTES_MAX = 1024 * 1024;

/** The archive of an image, in pieces. To be read once. */
export async function* packSingle(dehydrated: Dehydrated): AsyncGenerator<Uint8Array> {
  const mapLength = dehydrated.mapBytes;
  yield encodeTarHeader({ name: MAP_NAME, size: mapLength });
  yield* dehydrated.map();
  yield padding(mapLength);
  yield encodeTarHeader({ name: META_NAME, size: dehydrated.metaBytes });
  yield* dehydrated.meta();
  yield padding(dehydrated.metaBytes);
  yield new Uint8Array(2 * TAR_BLOCK_BYTES);
}

/**
 * What `rehydrate` wants, out of an archive.
 *
 * @throws DehydrateError `DEHYDRATED_BAD_ARCHIVE`, then or while it is read.
 */
export async function unpackSingle(chunks: AsyncIterable<Uint8Array>): Promise<RehydrateSource> {
  const stream = new ByteStream(chunks);
  const map = decodeTarHeader(await stream.exactly(TAR_BLOCK_BYTES));
  if (!map.name.endsWith(".map")) throw badArchive("it does not begin with a map");
  if (map.size > MAP_BYTES_MAX) throw badArchive("its map is too long");
  return {
    map: withPadding(stream, map.size),
    async meta() {
      const meta = decodeTarHeader(await stream.exactly(TAR_BLOCK_BYTES));
      if (!meta.name.endsWith(".meta")) throw badArchive("no metadata follow its map");
      return { length: meta.size, chunks: toEnd(stream, meta.size) };
    },
  };
}

async function* withPadding(stream: ByteStream, length: number): AsyncGenerator<Uint8Array> {
  yield* stream.next(length);
  await stream.exactly(padding(length).length);
}

/** The last file, then nothing but zeros: reading on to the end is what finds a damaged end. */
async function* toEnd(stream: ByteStream, length: number): AsyncGenerator<Uint8Array> {
  yield* withPadding(stream, length);
  let zeros = 0;
  for await (const chunk of stream.rest()) {
    zeros += chunk.length;
    if (zeros > END_BYTES_MAX || chunk.some((byte) => byte !== 0))
      throw badArchive("something follows after its end");
  }
}

function padding(length: number): Uint8Array {
  return new Uint8Array(Math.ceil(length / TAR_BLOCK_BYTES) * TAR_BLOCK_BYTES - length);
}
