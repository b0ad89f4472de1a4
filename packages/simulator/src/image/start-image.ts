// Makes the files that a run starts with: a fresh image, filled by the engine in peace, with snapshots and other files as
// its shape says. Owns the order; the contents are known, since nothing fails here.

import { MemoryBackend } from "@qcow/backend-memory";
import { createImage, Qcow2Image } from "@qcow/engine";
import { type Files, writeOptions } from "../disk/files.js";
import { patternBytes } from "../pattern.js";
import type { ImageShape } from "../plan/shape.js";
import type { Random } from "../random.js";
import { atRest } from "../run/driver.js";
import type { KeptSnapshot } from "../run/judge-files.js";
import { addSnapshot } from "./add-snapshot.js";
import { BACKING_NAME, DATA_NAME, freshImage } from "./fresh-image.js";

export interface Start {
  readonly files: Files;
  readonly contents: Uint8Array;
  readonly snapshots: readonly KeptSnapshot[];
}

export async function startImage(shape: ImageShape, random: Random): Promise<Start> {
  const contents = new Uint8Array(shape.size);
  const backing = shape.backing && (await backingFile(shape, random, contents));
  const data = shape.dataFile && new MemoryBackend({ label: "data", size: shape.size });
  let image = await emptyImage(shape, data);
  const snapshots: KeptSnapshot[] = [];
  await fill({ image, data, backing }, contents, shape.fills, shape.clusterBits, random);
  for (let number = 1; number <= shape.snapshots; number++) {
    const id = String(number);
    const bytes = addSnapshot(image.toBytes(), id);
    if (bytes === undefined) break;
    image = MemoryBackend.fromBytes(bytes, { label: "image" });
    snapshots.push({ id, contents: contents.slice() });
    await fill({ image, data, backing }, contents, random.below(6), shape.clusterBits, random);
  }
  return { files: { image, data, backing }, contents, snapshots };
}

async function emptyImage(shape: ImageShape, data: MemoryBackend | undefined): Promise<MemoryBackend> {
  const { created, version, refcountBits, extendedL2, compression, lazy, size, backing, dataFile } = shape;
  if (created === undefined) return MemoryBackend.fromBytes(freshImage(shape), { label: "image" });
  const image = new MemoryBackend({ label: "image" });
  const options = {
    size,
    clusterSize: 2 ** shape.clusterBits,
    version,
    refcountBits,
    extendedL2,
    lazyRefcounts: lazy,
    compressionMethod: compression,
    backingFile: backing && { name: BACKING_NAME, format: backing.format },
    dataFile: data && { name: DATA_NAME, raw: dataFile === "raw", backend: data },
    preallocation: created,
  };
  await atRest(createImage(image, options), "creating");
  return image;
}

/** Contents below the disk; `contents` are set to what shows through. */
async function backingFile(shape: ImageShape, random: Random, contents: Uint8Array): Promise<MemoryBackend> {
  const { format, size } = shape.backing ?? { format: "raw", size: 0 };
  const below = patternBytes({ seed: random.bits(), noise: false }, 0, size);
  // Zeros, and in an image holes.
  for (let count = random.below(4); count > 0; count--) {
    const from = random.below(size);
    below.fill(0, from, from + random.below(size));
  }
  contents.set(below.subarray(0, contents.length));
  if (format === "raw") return MemoryBackend.fromBytes(below, { label: "base" });
  const clusterBits = random.pick([9, 12, 16]);
  const plain = { ...shape, clusterBits, size, extendedL2: false, backing: undefined, dataFile: undefined };
  const image = MemoryBackend.fromBytes(freshImage({ ...plain, bitmaps: false }), { label: "base" });
  const files = { image, data: undefined, backing: undefined };
  const writer = await atRest(Qcow2Image.open(image, writeOptions(undefined, undefined)), "opening a base");
  for (let at = 0; at < size; at += 2 ** clusterBits) {
    const bytes = below.subarray(at, at + 2 ** clusterBits);
    if (bytes.some((byte) => byte !== 0)) await atRest(writer.write(at, bytes), "filling a base");
  }
  await atRest(writer.close(), "closing a base");
  return files.image;
}

/** Some writes, one after the other. */
async function fill(
  files: Files,
  contents: Uint8Array,
  count: number,
  clusterBits: number,
  random: Random,
): Promise<void> {
  if (count === 0) return;
  const clusterSize = 2 ** clusterBits;
  const image = await atRest(
    Qcow2Image.open(files.image, writeOptions(files.data, files.backing)),
    "opening for the start",
  );
  for (let index = 0; index < count; index++) {
    const place = random.below(contents.length);
    const compressed = random.chance(0.3);
    const offset = compressed || random.chance(0.5) ? place - (place % clusterSize) : place;
    const most = (compressed ? 1 + random.below(3) : 1 + random.below(8)) * clusterSize;
    const length = Math.min(contents.length - offset, compressed ? most : 1 + random.below(most));
    const kind = compressed
      ? "compressed"
      : random.pick(["write", "write", "write", "zeroes", "discard"] as const);
    const bytes = patternBytes({ seed: random.bits(), noise: random.chance(0.3) }, offset, length);
    if (kind === "compressed") await atRest(image.writeCompressed(offset, bytes), "a compressed write");
    else if (kind === "write") await atRest(image.write(offset, bytes), "a write");
    else if (kind === "zeroes") await atRest(image.writeZeroes(offset, length), "writing zeroes");
    else await atRest(image.discard(offset, length), "a discard");
    if (kind === "zeroes" || kind === "discard") contents.fill(0, offset, offset + length);
    else contents.set(bytes, offset);
  }
  await atRest(image.close(), "closing the start");
}
