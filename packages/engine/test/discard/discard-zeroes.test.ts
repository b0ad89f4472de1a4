// What discardZeroes leaves: the same disk, without clusters of zeros.

import { MemoryBackend } from "@qcow/backend-memory";
import { ForwardingBackend } from "@qcow/block";
import { describe, expect, test } from "vitest";
import { discardZeroes } from "../../src/discard/discard-zeroes.js";
import { checkImage, type Extent, Qcow2Image, Qcow2Reader } from "../../src/index.js";
import type { BuiltImage } from "../built-image.js";
import { DiskModel } from "../disk-model.js";
import { expectBytes } from "../expect-disk.js";
import { ImageBuilder } from "../image-builder.js";
import { forSeeds, modelRuns, type Random } from "../random.js";
import { randomImage } from "../random-image.js";
import { compression } from "../streams.js";

const CLUSTER = 65536;
const ZEROS = new Uint8Array(CLUSTER);
const ONES = new Uint8Array(CLUSTER).fill(1);

interface Files {
  readonly image: BuiltImage;
  readonly below?: MemoryBackend | undefined;
}

/** A file that can be opened again. */
class Lasting extends ForwardingBackend {
  override async close(): Promise<void> {}
}

function options({ image, below }: Files) {
  const openReference = async ({ kind }: { kind: string }) => {
    const backend = kind === "data" ? image.data : below;
    if (backend === undefined) throw new Error("there is no such file");
    return { backend: new Lasting(backend) };
  };
  const openDataFile = async () => {
    if (image.data === undefined) throw new Error("there is no data file");
    return new Lasting(image.data);
  };
  return { compression, openReference, openDataFile };
}

/** Runs discardZeroes on the image; resolves with what it answered. */
async function discardIn(files: Files, signal?: AbortSignal): Promise<number> {
  const image = await Qcow2Image.open(files.image.backend, options(files));
  try {
    return (await discardZeroes(image, { signal })).bytes;
  } finally {
    await image.close();
  }
}

async function disk(files: Files): Promise<{ bytes: Uint8Array; stored: Extent[] }> {
  const reader = await Qcow2Reader.open(files.image.backend, options(files));
  const bytes = new Uint8Array(reader.virtualSize);
  await reader.read(0, bytes);
  const stored: Extent[] = [];
  for await (const extent of reader.map())
    if (extent.depth === 0 && (extent.data || extent.offset !== undefined)) stored.push(extent);
  await reader.close();
  return { bytes, stored };
}

const lengthOf = (extents: readonly Extent[]): number => extents.reduce((sum, { length }) => sum + length, 0);

describe("discardZeroes", () => {
  test("releases zeros that are plain, compressed, or flagged with a place of their own", async () => {
    const builder = new ImageBuilder({ size: 8 * CLUSTER }).data(0, ONES).data(1, ZEROS).data(2, ZEROS);
    await builder.compressed(3, ZEROS);
    const image = await builder.zero(4, true).data(5, ONES).data(7, ZEROS).build();
    expect(await discardIn({ image })).toBe(5 * CLUSTER);
    const { bytes, stored } = await disk({ image });
    expectBytes(bytes, builder.model.bytes(), "the disk");
    expect(stored.map(({ start, length }) => [start, length])).toEqual([
      [0, CLUSTER],
      [5 * CLUSTER, CLUSTER],
    ]);
    expect(await checkImage(image.backend)).toMatchObject({ leaks: 0, corruptions: 0, checkErrors: 0 });
  });

  test("keeps what a backing file has hidden", async () => {
    const model = new DiskModel(4 * CLUSTER);
    model.write(0, new Uint8Array(4 * CLUSTER).fill(9));
    const builder = new ImageBuilder({
      size: 4 * CLUSTER,
      backing: { name: "below", format: "raw" },
      below: model,
    });
    const image = await builder.data(1, ZEROS).build();
    const files = { image, below: MemoryBackend.fromBytes(model.bytes()) };
    expect(await discardIn(files)).toBe(CLUSTER);
    expectBytes((await disk(files)).bytes, builder.model.bytes(), "the disk");
  });

  test("leaves them in version 2, which cannot hide it otherwise", async () => {
    const model = new DiskModel(2 * CLUSTER);
    model.write(0, new Uint8Array(2 * CLUSTER).fill(9));
    const builder = new ImageBuilder({
      version: 2,
      size: 4 * CLUSTER,
      backing: { name: "below", format: "raw" },
      below: model,
    });
    const image = await builder.data(1, ZEROS).data(3, ZEROS).build();
    const files = { image, below: MemoryBackend.fromBytes(model.bytes()) };
    expect(await discardIn(files)).toBe(CLUSTER);
    expectBytes((await disk(files)).bytes, builder.model.bytes(), "the disk");
  });

  test("changes nothing where there is nothing to release", async () => {
    const image = await new ImageBuilder({ size: 4 * CLUSTER }).data(0, ONES).zero(1).build();
    const before = image.backend.toBytes();
    expect(await discardIn({ image })).toBe(0);
    expectBytes(image.backend.toBytes(), before, "the file");
  });

  test("tells how far it is, up to the end once", async () => {
    const builder = new ImageBuilder({ size: 64 * CLUSTER });
    for (let cluster = 0; cluster < 64; cluster++) builder.data(cluster, cluster % 2 === 0 ? ZEROS : ONES);
    const built = await builder.build();
    const image = await Qcow2Image.open(built.backend);
    const told: number[] = [];
    await discardZeroes(image, { onProgress: ({ done }) => told.push(done) });
    await image.close();
    expect(told).toEqual([...new Set(told)].sort((a, b) => a - b));
    expect(told.length).toBeGreaterThan(1);
    expect(told.at(-1)).toBe(64 * CLUSTER);
  });

  test("ends with the signal's reason, and leaves a sound image that reads as before", async () => {
    const builder = new ImageBuilder({ size: 256 * CLUSTER });
    for (let cluster = 0; cluster < 256; cluster++) builder.data(cluster, cluster % 3 === 0 ? ONES : ZEROS);
    const image = await builder.build();
    const opened = await Qcow2Image.open(image.backend);
    const controller = new AbortController();
    const reason = new Error("enough");
    const job = discardZeroes(opened, {
      signal: controller.signal,
      onProgress: () => controller.abort(reason),
    });
    await expect(job).rejects.toBe(reason);
    await opened.close();
    expectBytes((await disk({ image })).bytes, builder.model.bytes(), "the disk");
    expect(await checkImage(image.backend)).toMatchObject({ leaks: 0, corruptions: 0, checkErrors: 0 });
  });

  test("of a random image: the same disk, no zero clusters, and a count that is true", async () => {
    await forSeeds(modelRuns(60), async (random) => {
      const files = await randomFiles(random);
      const { clusterSize, version } = files.image.geometry;
      const before = await disk(files);
      const released = await discardIn(files);
      const after = await disk(files);
      expectBytes(after.bytes, before.bytes, "the disk");
      expect(released).toBe(lengthOf(before.stored) - lengthOf(after.stored));
      const mayStay = version === 2 && files.below !== undefined;
      for (const { start, length } of mayStay ? [] : after.stored) {
        for (let at = start - (start % clusterSize); at < start + length; at += clusterSize) {
          expect(after.bytes.subarray(at, at + clusterSize).some((byte) => byte !== 0)).toBe(true);
        }
      }
      expect(await checkImage(files.image.backend)).toMatchObject({
        leaks: 0,
        corruptions: 0,
        checkErrors: 0,
      });
    });
  });
});

async function randomFiles(random: Random): Promise<Files> {
  const below = random.chance(0.3) ? new DiskModel(random.between(1, 40) * 4096) : undefined;
  below?.write(0, random.text(below.size / 2));
  const builder = await randomImage(random, {
    below,
    ...(below === undefined ? {} : { backing: { name: "below", format: "raw" } }),
  });
  const { clusterSize, hasDataFile, refcountBits } = builder.geometry;
  const zeros = new Uint8Array(clusterSize);
  for (let cluster = 0; cluster < builder.clusterCount; cluster++) {
    if (!random.chance(0.4)) continue;
    if (random.chance(0.3) && !hasDataFile) await builder.compressed(cluster, zeros, refcountBits >= 16);
    else builder.data(cluster, zeros);
  }
  const image = await builder.build();
  return { image, below: below === undefined ? undefined : MemoryBackend.fromBytes(below.bytes()) };
}
