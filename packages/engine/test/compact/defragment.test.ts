// Putting the clusters of a disk in its order: where they lie afterwards, and that the image is as it was.

import { MemoryBackend } from "@qcow/backend-memory";
import { describe, expect, test } from "vitest";
import { checkImage, compactImage, createImage, Qcow2Image, Qcow2Reader } from "../../src/index.js";
import { FixedBackend } from "../create/fixed-backend.js";
import { expectBytes } from "../expect-disk.js";
import type { ImageBuilder } from "../image-builder.js";
import { Random } from "../random.js";
import { kept } from "../write/open-writable.js";
import { compacting, expectSame } from "./compacted.js";
import { CLUSTER, CLUSTERS, sparse } from "./sparse-image.js";

/** Random bytes in the first `count` clusters of the disk, which lie in the file in any order. */
function shuffled(builder: ImageBuilder, random: Random, count = 40): ImageBuilder {
  const left = Array.from({ length: count }, (_, cluster) => cluster);
  while (left.length > 0) {
    const [cluster] = left.splice(random.below(left.length), 1);
    builder.data(cluster as number, random.bytes(builder.geometry.clusterSize));
  }
  return builder;
}

/** Whether what the disk has in the file lies there in the order of the disk. */
async function ascends(backend: MemoryBackend): Promise<boolean> {
  const reader = await Qcow2Reader.open(kept(backend));
  const places: number[] = [];
  for await (const extent of reader.map()) if (extent.offset !== undefined) places.push(extent.offset);
  await reader.close();
  return places.length > 0 && places.every((place, at) => at === 0 || place > (places[at - 1] as number));
}

describe("the clusters of a disk", () => {
  test.each([9, 12, 16])("lie in its order, with 2^%i bytes each", async (clusterBits) => {
    const builder = shuffled(sparse({ clusterBits }), new Random(1));
    const built = await builder.build();
    const { report } = await compacting(built.backend, { defragment: true });
    await expectSame(builder, built);
    expect(await ascends(built.backend)).toBe(true);
    expect(report.fragmentedBefore).toBeGreaterThan(30);
    expect(report.fragmentedAfter).toBeLessThan(8);
    expect((await checkImage(built.backend)).fragmentedClusters).toBe(report.fragmentedAfter);
    expect(report.sizeAfter).toBeLessThan(report.sizeBefore / 2);
  });

  test("do not move when they are in order", async () => {
    const builder = shuffled(sparse(), new Random(2));
    const built = await builder.build();
    await compacting(built.backend, { defragment: true });
    const before = built.backend.toBytes();
    const { report, writes } = await compacting(built.backend, { defragment: true });
    expect(report).toMatchObject({ clustersMoved: 0, bytesCopied: 0 });
    expect(writes).toBe(0);
    expectBytes(built.backend.toBytes(), before, "the file");
  });

  test("are copied twice at most, and compacting them once", async () => {
    const built = await shuffled(sparse({}, 0), new Random(3), CLUSTERS).build();
    const { report } = await compacting(built.backend, { defragment: true });
    expect(report.bytesCopied).toBeLessThanOrEqual(3 * CLUSTERS * CLUSTER);
  });

  test("that are holes in the file move as such, also to behind its end for a while", async () => {
    const file = new MemoryBackend();
    await createImage(kept(file), { size: 64 * CLUSTER, clusterSize: CLUSTER, preallocation: "metadata" });
    const image = await Qcow2Image.open(kept(file));
    for (const cluster of [9, 5, 7]) await image.discard(cluster * CLUSTER, CLUSTER);
    for (const cluster of [7, 9, 5])
      await image.write(cluster * CLUSTER, new Uint8Array(CLUSTER).fill(cluster));
    await image.close();
    const { report } = await compacting(file, { defragment: true });
    expect(report.fragmentedAfter).toBeLessThan(report.fragmentedBefore as number);
    expect(await checkImage(file)).toMatchObject({ findings: [] });
    expect(await ascends(file)).toBe(true);
  });

  test("on a device that is full stay, since there is no room to change places in", async () => {
    const built = await shuffled(sparse({}, 0), new Random(12), CLUSTERS).build();
    await compactImage(kept(built.backend));
    const fixed = new FixedBackend(built.backend);
    const before = built.backend.toBytes();
    const report = await compactImage(fixed, { defragment: true });
    expect(report).toMatchObject({ clustersMoved: 0, fragmentedAfter: report.fragmentedBefore });
    expectBytes(built.backend.toBytes(), before, "the device");
  });

  test("on a device that has room are put in order", async () => {
    const builder = shuffled(sparse({}, 0), new Random(13), CLUSTERS);
    const built = await builder.build();
    await built.backend.resize((await built.backend.size()) + 8 * CLUSTER);
    await compactImage(new FixedBackend(built.backend), { defragment: true });
    expect(await ascends(built.backend)).toBe(true);
    await expectSame(builder, built);
  });

  test("without the option lie as they come", async () => {
    const built = await shuffled(sparse(), new Random(4)).build();
    const { report } = await compacting(built.backend);
    expect(report.fragmentedAfter).toBeUndefined();
    expect((await checkImage(built.backend)).fragmentedClusters).toBeGreaterThan(30);
  });

  test("in a dry run are counted, and stay", async () => {
    const built = await shuffled(sparse(), new Random(5)).build();
    const before = built.backend.toBytes();
    const report = await compactImage(kept(built.backend), { dryRun: true, defragment: true });
    expect(report.fragmentedBefore).toBeGreaterThan(30);
    expectBytes(built.backend.toBytes(), before, "the file");
  });
});

describe("what is around them stays as it was", () => {
  test.each([0, 1, 4, 6])("with refcounts of 2^%i bits", async (refcountOrder) => {
    const builder = shuffled(
      sparse({ refcountOrder, clusterBits: 9, size: 300 * 512 }, 1),
      new Random(6),
      250,
    );
    const built = await builder.build();
    const { report } = await compacting(built.backend, { defragment: true });
    await expectSame(builder, built);
    expect(await ascends(built.backend)).toBe(true);
    expect(report.fragmentedAfter).toBeLessThan(40);
  });

  test("where snapshots share clusters, which do not move for it", async () => {
    const builder = shuffled(sparse({ clusterBits: 9, size: 300 * 512 }), new Random(7), 200);
    builder.snapshot("1", "first");
    shuffled(builder, new Random(8), 60);
    builder.snapshot("2", "second");
    shuffled(builder, new Random(9), 100);
    const built = await builder.build();
    const { report } = await compacting(built.backend, { defragment: true });
    await expectSame(builder, built);
    expect(report.fragmentedAfter).toBeLessThan(report.fragmentedBefore as number);
  });

  test("with subclusters, zeros that keep a place, and a disk below", async () => {
    for (const extendedL2 of [false, true]) {
      const random = new Random(10);
      const builder = shuffled(sparse({ extendedL2, clusterBits: 14, size: 64 * 2 ** 14 }), random, 30);
      for (let cluster = 50; cluster > 40; cluster--) builder.zero(cluster, true);
      const built = await builder.build();
      await compacting(built.backend, { defragment: true });
      await expectSame(builder, built);
    }
  });

  test("in a data file, nothing", async () => {
    const builder = shuffled(sparse({ dataFile: "data" }), new Random(11));
    const built = await builder.build();
    await compacting(built.backend, { defragment: true });
    await expectSame(builder, built);
  });
});
