// Writing to disks of every kind: over backing files, with snapshots, compressed and zero clusters, subclusters, narrow
// refcounts, external data files, in version 2. Contents are compared with plain bytes, images with what a check says.

import { MemoryBackend } from "@qcow/backend-memory";
import { describe, expect, test } from "vitest";
import { createImage, type Qcow2Image } from "../../src/index.js";
import { DiskModel } from "../disk-model.js";
import { ImageBuilder, type ImageOptions } from "../image-builder.js";
import { Random } from "../random.js";
import { type Beside, expectClean, expectContents, kept, openWritable } from "./open-writable.js";
import { filled } from "./small-disks.js";

/** Small changes around the edges of clusters and subclusters of everything on the disk. */
async function scribble(image: Qcow2Image, model: DiskModel, clusterSize: number): Promise<void> {
  const random = new Random(clusterSize);
  for (let at = 0; at + clusterSize <= model.size; at += clusterSize) {
    const lengths = [1, 7, 512, clusterSize / 2 + 3, clusterSize + 5];
    const offset = at + random.pick([0, 1, clusterSize / 2, clusterSize - 3]);
    const bytes = random.text(Math.min(random.pick(lengths), model.size - offset));
    if (random.chance(0.3)) {
      await image.discard(offset, bytes.length);
      bytes.fill(0);
    } else if (random.chance(0.2)) {
      await image.writeZeroes(offset, bytes.length);
      bytes.fill(0);
    } else await image.write(offset, bytes);
    model.write(offset, bytes);
    if (random.chance(0.1)) await image.flush();
  }
}

/** A disk with some of everything on it. */
async function mixed(options: Partial<ImageOptions> & { clusterBits: number }): Promise<ImageBuilder> {
  const builder = new ImageBuilder({ size: 60 * 2 ** options.clusterBits, ...options });
  const { clusterSize, version, hasDataFile, extendedL2 } = builder.geometry;
  const random = new Random(3);
  for (let cluster = 0; cluster < 60; cluster++) {
    const bytes = random.text(clusterSize);
    const kind = cluster % 6;
    if (kind === 1 && !hasDataFile)
      await builder.compressed(cluster, bytes, (options.refcountOrder ?? 4) >= 4);
    else if (kind === 2 && version !== 2) builder.zero(cluster, cluster % 4 === 0);
    else if (kind === 3 && extendedL2) builder.subclusters(cluster, bytes, 0x0ff0, 0xf000);
    else if (kind < 4) builder.data(cluster, bytes);
  }
  return builder;
}

async function write(builder: ImageBuilder, beside: Beside = {}): Promise<void> {
  const { backend, data, geometry } = await builder.build();
  const files = { ...beside, data: data === undefined ? undefined : kept(data) };
  const image = await openWritable(backend, files);
  const { model } = builder;
  await scribble(image, model, geometry.clusterSize);
  await image.close();
  await expectClean(backend);
  await expectContents(backend, model, files);
  for (const { snapshot, model: frozen } of builder.snapshots)
    await expectContents(backend, frozen, files, snapshot.id);
}

describe("a disk takes writes", () => {
  test.each([
    ["of the smallest clusters", { clusterBits: 9 }],
    ["of usual clusters", { clusterBits: 16 }],
    ["in version 2", { clusterBits: 12, version: 2 }],
    ["with zstd", { clusterBits: 12, compression: "zstd" }],
    ["with extended L2 entries", { clusterBits: 14, extendedL2: true }],
    ["in an external data file", { clusterBits: 12, dataFile: "data" }],
    [
      "in an external data file, with extended L2 entries",
      { clusterBits: 14, dataFile: "data", extendedL2: true },
    ],
    ["whose file ends early", { clusterBits: 12, trim: true }],
  ] as [string, Partial<ImageOptions> & { clusterBits: number }][])("%s", async (_, options) => {
    await write(await mixed(options));
  });

  test.each([0, 1, 2, 3, 4, 5, 6])(
    "with refcounts of 2^%i bits, and as many snapshots as those count",
    async (order) => {
      const builder = await mixed({ clusterBits: 10, refcountOrder: order });
      const snapshots = Math.min(3, 2 ** (2 ** order) - 2);
      for (let number = 1; number <= snapshots; number++) {
        builder.snapshot(String(number), `snapshot ${number}`);
        builder.data(number, filled(number, 1024));
      }
      await write(builder);
    },
  );

  test.each([
    [12, 61 * 4096],
    [12, 30 * 4096 + 700],
    [12, 100 * 4096],
    [14, 20 * 4096],
  ])(
    "over a raw file, shorter or longer (clusters of 2^%i bytes over %i bytes)",
    async (clusterBits, length) => {
      const bytes = new Random(length).bytes(length);
      for (const version of [2, 3] as const) {
        const below = new DiskModel(Math.ceil(length / 512) * 512);
        below.write(0, bytes);
        const options = { clusterBits, version, below, backing: { name: "below", format: "raw" } };
        await write(await mixed(options), { backing: MemoryBackend.fromBytes(bytes) });
      }
    },
  );

  test("over another image, of other clusters, with extended L2 entries above or below", async () => {
    for (const [above, beneath] of [
      [14, 9],
      [9, 14],
    ] as const) {
      const base = await mixed({ clusterBits: beneath, extendedL2: beneath === 14 });
      const { backend } = await base.build();
      const options = {
        clusterBits: above,
        extendedL2: above === 14,
        below: base.model.clone(),
        backing: { name: "below", format: "qcow2" },
      };
      const before = backend.toBytes();
      await write(await mixed(options), { backing: backend });
      expect(Buffer.compare(backend.toBytes(), before)).toBe(0);
    }
  });

  test("that preallocation made", async () => {
    for (const preallocation of ["metadata", "full", "falloc"] as const) {
      const disk = new MemoryBackend();
      await createImage(disk, { size: 60 * 4096, clusterSize: 4096, preallocation });
      const image = await openWritable(disk);
      const model = new DiskModel(60 * 4096);
      await scribble(image, model, 4096);
      await image.close();
      await expectClean(disk);
      await expectContents(disk, model);
    }
  });
});

describe("compressed clusters", () => {
  test("are replaced one by one, again and again, and their space is used again", async () => {
    const disk = new MemoryBackend();
    await createImage(disk, { size: 64 * 4096, clusterSize: 4096 });
    const model = new DiskModel(64 * 4096);
    const image = await openWritable(disk);
    const random = new Random(21);
    let largest = 0;
    for (let round = 0; round < 40; round++) {
      const cluster = random.below(60);
      const bytes = random.text(4096 * random.between(1, 4));
      await image.writeCompressed(cluster * 4096, bytes);
      model.write(cluster * 4096, bytes);
      if (random.chance(0.3)) await image.flush();
      if (round === 20) largest = await disk.size();
    }
    expect(await disk.size()).toBeLessThanOrEqual(largest + 16 * 4096);
    await image.close();
    await expectClean(disk);
    await expectContents(disk, model);
  });

  test("of a disk that ends within a cluster end with it, and others are whole", async () => {
    const disk = new MemoryBackend();
    await createImage(disk, { size: 3 * 4096 + 512, clusterSize: 4096 });
    const image = await openWritable(disk);
    await image.writeCompressed(3 * 4096, filled(1, 512));
    await image.writeCompressed(2 * 4096, filled(2, 4096 + 512));
    for (const [offset, length] of [
      [0, 512],
      [1, 4096],
      [512, 4096],
      [3 * 4096, 256],
    ] as const) {
      await expect(image.writeCompressed(offset, filled(1, length))).rejects.toMatchObject({
        code: "QCOW2_OUT_OF_RANGE",
      });
    }
    await image.close();
    await expectClean(disk);
  });

  test("that do not shrink are stored plain, and without a compression backend nothing is", async () => {
    const disk = new MemoryBackend();
    await createImage(disk, { size: 16 * 4096, clusterSize: 4096 });
    const model = new DiskModel(16 * 4096);
    const random = new Random(2);
    const bytes = new Uint8Array([...random.bytes(4096), ...random.text(4096), ...random.bytes(2 * 4096)]);
    const image = await openWritable(disk);
    await image.writeCompressed(4096, bytes);
    model.write(4096, bytes);
    await image.close();
    await expectClean(disk);
    await expectContents(disk, model);
    const without = await openWritable(disk, {}, { compression: undefined });
    await expect(without.writeCompressed(0, filled(1, 4096))).rejects.toMatchObject({
      code: "QCOW2_MISSING_CAPABILITY",
    });
    await without.write(0, filled(1, 4096));
    await without.close();
  });
});

describe("zeroes that are written", () => {
  test("keep the place of their clusters, discards give it up", async () => {
    const disk = new MemoryBackend();
    await createImage(disk, { size: 16 * 4096, clusterSize: 4096 });
    const image = await openWritable(disk);
    await image.write(0, filled(1, 8 * 4096));
    await image.writeZeroes(0, 2 * 4096);
    await image.writeZeroes(2 * 4096, 2 * 4096, { unmap: true });
    await image.discard(4 * 4096, 2 * 4096);
    const seen: [number, boolean, boolean][] = [];
    for await (const { length, zero, offset } of image.map({ length: 8 * 4096 }))
      seen.push([length / 4096, zero, offset !== undefined]);
    expect(seen).toEqual([
      [2, true, true],
      [4, true, false],
      [2, false, true],
    ]);
    await image.write(100, filled(7, 100));
    const bytes = new Uint8Array(4096);
    await image.read(0, bytes);
    expect(bytes.filter((byte) => byte === 0)).toHaveLength(3996);
    await image.close();
    await expectClean(disk);
  });
});
