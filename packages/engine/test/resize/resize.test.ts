// Disks that become longer and shorter: what shows afterwards, what is given up, and what is refused.

import { CrashingBackend, MemoryBackend } from "@qcow/backend-memory";
import { describe, expect, test } from "vitest";
import { createImage, readMetadata } from "../../src/index.js";
import { DiskModel } from "../disk-model.js";
import { expectBytes } from "../expect-disk.js";
import { ImageBuilder, type ImageOptions } from "../image-builder.js";
import { Random } from "../random.js";
import {
  expectClean,
  expectContents,
  expectNoCorruption,
  openReader,
  openWritable,
} from "../write/open-writable.js";
import { filled, readAt } from "../write/small-disks.js";

const MIB = 2 ** 20;

async function fresh(size: number, clusterSize = 512, more: Partial<Parameters<typeof createImage>[1]> = {}) {
  const disk = new MemoryBackend();
  await createImage(disk, { size, clusterSize, lazyRefcounts: false, ...more });
  return disk;
}

async function headerOf(disk: MemoryBackend) {
  const { header } = await readMetadata(disk);
  return { size: Number(header.size), l1Size: header.l1Size, l1At: Number(header.l1TableOffset) };
}

describe("a disk that grows", () => {
  test("within what its L1 table counts changes its size only", async () => {
    const disk = await fresh(512);
    const before = await headerOf(disk);
    const image = await openWritable(disk);
    await image.resize(32 * 1024);
    expect(image.virtualSize).toBe(32 * 1024);
    expect(await headerOf(disk)).toEqual({ ...before, size: 32 * 1024 });
    await image.close();
    await expectClean(disk);
  });

  test("within the last cluster of its L1 table makes that longer in place", async () => {
    const disk = await fresh(512);
    const before = await headerOf(disk);
    // What lies behind the table's last entry is nobody's, and may be anything.
    await disk.write(before.l1At + 8, filled(0xee, 504));
    const image = await openWritable(disk);
    await image.resize(2 * MIB);
    expect(await headerOf(disk)).toEqual({ size: 2 * MIB, l1Size: 64, l1At: before.l1At });
    await image.write(MIB, filled(1, 512));
    await image.close();
    await expectClean(disk);
    const reader = await openReader(disk);
    expect((await readAt(reader, 0, 2 * MIB)).filter((byte) => byte !== 0)).toHaveLength(512);
  });

  test("beyond that moves its L1 table, and the place of the old one is free", async () => {
    const disk = await fresh(MIB);
    const model = new DiskModel(64 * MIB);
    const image = await openWritable(disk);
    await image.write(0, filled(1, MIB));
    model.write(0, filled(1, MIB));
    const before = await headerOf(disk);
    for (const size of [3 * MIB, 20 * MIB, 64 * MIB]) {
      await image.resize(size);
      await image.write(size - 512, filled(2, 512));
      model.write(size - 512, filled(2, 512));
    }
    await image.close();
    const after = await headerOf(disk);
    expect(after).toMatchObject({ size: 64 * MIB, l1Size: 2048 });
    expect(after.l1At).not.toBe(before.l1At);
    await expectClean(disk);
    await expectContents(disk, model);
  });

  test("shows zeros where a longer backing file goes on, in every kind of image", async () => {
    const kinds: Partial<ImageOptions>[] = [
      { clusterBits: 12 },
      { clusterBits: 12, version: 2 },
      { clusterBits: 14, extendedL2: true },
    ];
    for (const kind of kinds) {
      for (const size of [MIB, MIB + 512, MIB - 1024]) {
        const below = new DiskModel(4 * MIB);
        below.write(0, filled(9, 4 * MIB));
        const builder = new ImageBuilder({ size, below, backing: { name: "b", format: "raw" }, ...kind });
        const { backend, model } = await builder.build();
        const backing = MemoryBackend.fromBytes(filled(9, 4 * MIB));
        const image = await openWritable(backend, { backing });
        await image.resize(2 * MIB);
        expectBytes(await readAt(image, size, 2 * MIB - size), new Uint8Array(2 * MIB - size), "what is new");
        await image.close();
        await expectClean(backend);
        await expectContents(backend, model.clone(2 * MIB), { backing });
      }
    }
  });

  test("is old or new after a power loss, and what it had stays", async () => {
    const random = new Random(5);
    const disk = await fresh(MIB);
    const first = await openWritable(disk);
    await first.write(0, filled(1, MIB));
    await first.close();
    for (let crashAt = 1; crashAt < 40; crashAt += 2) {
      let operations = 0;
      let crashed: MemoryBackend | undefined;
      const backend: CrashingBackend = new CrashingBackend(disk, {
        hold: async ({ kind }) => {
          if (kind !== "read" && ++operations === crashAt) crashed = backend.crash(() => random.bits());
        },
      });
      const image = await openWritable(backend);
      await image.resize(16 * MIB);
      await image.write(15 * MIB, filled(2, 512));
      await image.flush();
      if (crashed === undefined) break;
      await expectNoCorruption(crashed);
      const reader = await openReader(crashed);
      expect([MIB, 16 * MIB]).toContain(reader.virtualSize);
      expectBytes(await readAt(reader, 0, MIB), filled(1, MIB), "what it had");
      const rest = await readAt(reader, MIB, reader.virtualSize - MIB);
      for (const byte of new Set(rest)) expect([0, 2]).toContain(byte);
    }
  });

  test("to sizes near the limits of the format", async () => {
    const small = await openWritable(await fresh(MIB, 512));
    await small.resize(2 ** 37);
    await small.write(2 ** 37 - 512, filled(1, 512));
    await expect(small.resize(2 ** 37 + 512)).rejects.toMatchObject({ code: "QCOW2_IMAGE_TOO_LARGE" });
    expect(small.virtualSize).toBe(2 ** 37);
    await small.close();
    const disk = await fresh(MIB, 2 * MIB);
    const large = await openWritable(disk);
    await large.resize(2 ** 52);
    await large.write(2 ** 52 - 512, filled(3, 512));
    await large.close();
    await expectClean(disk);
    expect(await readAt(await openReader(disk), 2 ** 52 - 512, 512)).toEqual(filled(3, 512));
  });
});

describe("a disk that shrinks", () => {
  test("is refused unless losing data is allowed", async () => {
    const image = await openWritable(await fresh(MIB));
    await expect(image.resize(MIB - 512)).rejects.toMatchObject({ code: "QCOW2_DATA_LOSS" });
    expect(image.virtualSize).toBe(MIB);
    await image.resize(MIB);
    await image.resize(MIB - 512, { allowDataLoss: true });
    expect(image.virtualSize).toBe(MIB - 512);
  });

  test("gives up clusters and tables behind its new end, and the file becomes shorter", async () => {
    const disk = await fresh(8 * MIB, 65_536);
    const empty = await disk.size();
    const image = await openWritable(disk);
    await image.write(0, filled(1, 8 * MIB));
    await image.resize(0, { allowDataLoss: true });
    await image.close();
    expect(await disk.size()).toBeLessThan(MIB);
    expect(await disk.size()).toBeGreaterThanOrEqual(empty);
    await expectClean(disk);
    const map: unknown[] = [];
    for await (const extent of (await openReader(disk)).map()) map.push(extent);
    expect(map).toEqual([]);
  });

  test("and grows again reads as zero where it was cut, whatever was there and whatever lies below", async () => {
    for (const version of [2, 3] as const) {
      for (const cut of [MIB / 2, MIB / 2 + 512, 512, 0]) {
        const below = new DiskModel(MIB);
        below.write(0, filled(9, MIB));
        const options = { size: MIB, clusterBits: 12, version, below, backing: { name: "b", format: "raw" } };
        const builder = new ImageBuilder(options);
        for (let cluster = 100; cluster < 200; cluster++) builder.data(cluster, filled(cluster, 4096));
        await builder.compressed(220, filled(7, 4096));
        const { backend, model } = await builder.build();
        const backing = MemoryBackend.fromBytes(filled(9, MIB));
        const image = await openWritable(backend, { backing });
        await image.resize(cut, { allowDataLoss: true });
        await image.resize(MIB);
        await image.close();
        await expectClean(backend);
        await expectContents(backend, model.clone(cut).clone(MIB), { backing });
      }
    }
  });

  test("leaves snapshots their own size and contents; version 2, which does not know it, refuses", async () => {
    const builder = new ImageBuilder({ size: MIB, clusterBits: 12 });
    for (let cluster = 0; cluster < 256; cluster++) builder.data(cluster, filled((cluster % 250) + 1, 4096));
    builder.snapshot("1", "one");
    const { backend, model } = await builder.build();
    const image = await openWritable(backend);
    await image.resize(4096, { allowDataLoss: true });
    await image.resize(3 * MIB);
    await image.close();
    await expectClean(backend);
    await expectContents(backend, model.clone(4096).clone(3 * MIB));
    await expectContents(backend, builder.snapshots[0]?.model as DiskModel, {}, "1");
    const old = await new ImageBuilder({ size: MIB, version: 2 }).snapshot("1", "one").build();
    const refusing = await openWritable(old.backend);
    for (const size of [2 * MIB, 512])
      await expect(refusing.resize(size, { allowDataLoss: true })).rejects.toMatchObject({
        code: "QCOW2_UNSUPPORTED_CHANGE",
      });
  });
});

describe("a disk with an external data file", () => {
  test.each([true, false])("grows and shrinks with it (raw: %s)", async (raw) => {
    const data = new MemoryBackend();
    const disk = new MemoryBackend();
    await createImage(disk, { size: MIB, clusterSize: 4096, dataFile: { name: "d", raw, backend: data } });
    const image = await openWritable(disk, { data });
    const model = new DiskModel(2 * MIB);
    await image.write(0, filled(1, MIB));
    await image.resize(2 * MIB);
    await image.write(2 * MIB - 700, filled(2, 700));
    await image.resize(MIB / 2 + 512, { allowDataLoss: true });
    if (raw) expect(await data.size()).toBe(MIB / 2 + 512);
    await image.resize(2 * MIB);
    model.write(0, filled(1, MIB / 2 + 512));
    await image.close();
    await expectClean(disk);
    await expectContents(disk, model, { data });
    if (raw) expectBytes(data.toBytes(), model.bytes(), "the data file");
  });

  test("that is raw is as long as the disk, also when the disk ends within a cluster", async () => {
    const data = new MemoryBackend();
    const disk = new MemoryBackend();
    const size = 4096 * 3 + 1024;
    await createImage(disk, { size, clusterSize: 4096, dataFile: { name: "d", raw: true, backend: data } });
    const image = await openWritable(disk, { data });
    await image.discard(4096 * 3, 1024);
    await image.write(4096 * 3 + 100, filled(1, 10));
    await image.close();
    expect(await data.size()).toBe(size);
  });
});
