// Compaction of whole images in memory: what each part of an image becomes.

import type { MemoryBackend } from "@qcow/backend-memory";
import { describe, expect, test } from "vitest";
import { checkImage, repairImage } from "../../src/index.js";
import { readHead } from "../../src/read-head.js";
import { readBitmapDirectory } from "../../src/tables/read-bitmaps.js";
import { expectBytes, sameBytes } from "../expect-disk.js";
import { Random } from "../random.js";
import { expectClean, expectContents, kept, openWritable } from "../write/open-writable.js";
import { compactBuilt, compacting, expectSame } from "./compacted.js";
import { CLUSTER, CLUSTERS, fill, sparse } from "./sparse-image.js";

/** Clusters that something references, which is what the file has afterwards. */
async function usedClusters(backend: MemoryBackend): Promise<number> {
  return (await checkImage(backend)).usedHostClusters;
}

describe("the file of an image", () => {
  test.each([9, 12, 16, 18])(
    "is as long as its clusters in use, with 2^%i bytes each",
    async (clusterBits) => {
      const builder = sparse({ clusterBits });
      fill(builder, new Random(1), 0, clusterBits > 16 ? 8 : 40);
      const { report, built } = await compactBuilt(builder);
      const used = await usedClusters(built.backend);
      // What lies between the structures that the file begins with stays free.
      expect(report.sizeAfter).toBeLessThanOrEqual((used + 16) * 2 ** clusterBits);
      expect(report.sizeAfter).toBeLessThan(report.sizeBefore / 2);
      expect(report.clustersMoved).toBeGreaterThan(0);
      expect(report.referencesChanged).toBeGreaterThanOrEqual(report.clustersMoved);
    },
  );

  test("loses a free end, and nothing is moved for it", async () => {
    const builder = sparse({}, 0);
    fill(builder, new Random(2), 0, CLUSTERS);
    const built = await builder.build();
    const image = await openWritable(kept(built.backend));
    await image.discard(32 * CLUSTER, 32 * CLUSTER);
    await image.close();
    const size = await built.backend.size();
    await built.backend.resize(size + 100 * CLUSTER);
    const { report } = await compacting(built.backend);
    expect(report.sizeAfter).toBeLessThan(size);
  });

  test("gets shorter by what was discarded", async () => {
    const builder = sparse({}, 0);
    fill(builder, new Random(3), 0, CLUSTERS);
    const built = await builder.build();
    const image = await openWritable(kept(built.backend), {}, { refcounts: "strict" });
    for (let cluster = 0; cluster < CLUSTERS; cluster += 2) await image.discard(cluster * CLUSTER, CLUSTER);
    await image.close();
    const { report } = await compacting(built.backend);
    expect(report.sizeBefore - report.sizeAfter).toBeGreaterThanOrEqual(32 * CLUSTER);
    const model = builder.model.clone();
    for (let cluster = 0; cluster < CLUSTERS; cluster += 2)
      model.write(cluster * CLUSTER, new Uint8Array(CLUSTER));
    await expectContents(built.backend, model);
  });

  test("is not touched when it is as short as it can be: no write, no flush", async () => {
    const builder = sparse({}, 0);
    fill(builder, new Random(4));
    const { built } = await compactBuilt(builder);
    const before = built.backend.toBytes();
    const again = await compacting(built.backend);
    expect(again).toMatchObject({ writes: 0, flushes: 0, log: [] });
    expect(again.report).toMatchObject({
      clustersMoved: 0,
      bytesCopied: 0,
      referencesChanged: 0,
      leaksFixed: 0,
    });
    expectBytes(built.backend.toBytes(), before, "the file");
  });

  test("is made durable a few times only, however many clusters move", async () => {
    const flushes: number[] = [];
    for (const clusters of [20, 60]) {
      const builder = sparse();
      fill(builder, new Random(5), 0, clusters);
      const done = await compactBuilt(builder);
      expect(done.report.clustersMoved).toBeGreaterThan(clusters / 2);
      flushes.push(done.flushes);
    }
    // Tables of several kinds, data, refcount blocks and one move of a structure each have commits of their own.
    expect(flushes[1]).toBeLessThanOrEqual((flushes[0] as number) + 2);
    expect(flushes[1]).toBeLessThanOrEqual(30);
  });
});

describe("shared clusters", () => {
  test.each([1, 2, 3, 4, 5, 6])("keep being shared, with refcounts of 2^%i bits", async (refcountOrder) => {
    const builder = sparse({ refcountOrder });
    const random = new Random(refcountOrder);
    fill(builder, random, 0, 20);
    for (let cluster = 20; cluster < 40; cluster++) builder.share(cluster, cluster - 20);
    const { report, built } = await compactBuilt(builder);
    expect(await usedClusters(built.backend)).toBe(built.references.size);
    expect(report.referencesChanged).toBeGreaterThan(report.clustersMoved);
  });

  test("of refcounts of one bit are none, and all else moves", async () => {
    const builder = sparse({ refcountOrder: 0 });
    fill(builder, new Random(7));
    expect((await compactBuilt(builder)).report.clustersMoved).toBeGreaterThan(20);
  });

  test.each([2, 4, 6])(
    "of snapshots keep being shared, and so do their tables, with 2^%i bits",
    async (refcountOrder) => {
      const builder = sparse({ refcountOrder, clusterBits: 9, size: 300 * 512 });
      const random = new Random(8);
      fill(builder, random, 0, 200);
      builder.snapshot("1", "first");
      fill(builder, random, 0, 10);
      builder.snapshot("2", "second").snapshot("3", "the same");
      fill(builder, random, 100, 110);
      const { built } = await compactBuilt(builder);
      expect(await usedClusters(built.backend)).toBe(built.references.size);
    },
  );
});

describe("what else an image may have", () => {
  test.each(["deflate", "zstd"] as const)("compressed clusters by %s move", async (compressionMethod) => {
    const builder = sparse({ compression: compressionMethod, gap: undefined }, 0);
    const random = new Random(9);
    fill(builder, random, 0, 30);
    for (let cluster = 30; cluster < 60; cluster++) await builder.compressed(cluster, random.text(CLUSTER));
    const built = await builder.build();
    const image = await openWritable(kept(built.backend));
    await image.discard(0, 25 * CLUSTER);
    await image.close();
    const model = builder.model.clone();
    model.write(0, new Uint8Array(25 * CLUSTER));
    const { report } = await compacting(built.backend);
    expect(report.sizeBefore - report.sizeAfter).toBeGreaterThanOrEqual(20 * CLUSTER);
    await expectContents(built.backend, model);
    expect((await checkImage(built.backend)).findings).toEqual([]);
  });

  test("streams that snapshots share move once", async () => {
    const builder = sparse({}, 2);
    const random = new Random(10);
    for (let cluster = 0; cluster < 40; cluster++)
      await builder.compressed(cluster, random.text(CLUSTER), cluster % 3 > 0);
    builder.snapshot("1", "first");
    await builder.compressed(3, random.text(CLUSTER));
    builder.snapshot("2", "second");
    const { report } = await compactBuilt(builder);
    expect(report.sizeAfter).toBeLessThan(report.sizeBefore);
  });

  test("subclusters keep what each of them is", async () => {
    const builder = sparse({ extendedL2: true, clusterBits: 14, size: 40 * 2 ** 14 });
    const random = new Random(11);
    for (let cluster = 0; cluster < 40; cluster++) {
      const alloc = random.bits();
      builder.subclusters(cluster, random.bytes(2 ** 14), alloc, random.bits() & ~alloc);
    }
    await compactBuilt(builder);
  });

  test("clusters that read as zero keep their places", async () => {
    const builder = sparse();
    for (let cluster = 0; cluster < 40; cluster++) builder.zero(cluster, cluster % 2 === 0);
    expect((await compactBuilt(builder)).report.clustersMoved).toBeGreaterThan(10);
  });

  test("an image with a data file has its tables moved, and nothing in the data file", async () => {
    const builder = sparse({ dataFile: "data.raw", clusterBits: 9, size: 1000 * 512 });
    const random = new Random(12);
    for (let cluster = 0; cluster < 1000; cluster += 3) builder.data(cluster, random.bytes(512));
    const built = await builder.build();
    const data = built.data?.toBytes();
    const { report } = await compacting(built.backend);
    await expectSame(builder, built);
    expect(report.clustersMoved).toBeGreaterThan(0);
    expect(sameBytes(built.data?.toBytes() ?? new Uint8Array(0), data ?? new Uint8Array(1))).toBe(true);
  });

  test("bitmaps keep their bits, and a table that two share", async () => {
    const builder = sparse({ clusterBits: 9, size: 200 * 512 });
    const random = new Random(13);
    fill(builder, random, 0, 100);
    builder.bitmap(
      "bits",
      Array.from({ length: 150 }, (_, at) => (["data", "ones", "zeros"] as const)[at % 3] ?? "ones"),
    );
    builder.sameBitmap("the same").bitmap("other", ["data", "data"]);
    const { backend } = await builder.build();
    // What two bitmaps name is counted once in a built image.
    await repairImage(backend, { mode: "all" });
    const before = await bitmapsOf(backend);
    const { report } = await compacting(backend);
    expect(report.sizeAfter).toBeLessThan(report.sizeBefore);
    await expectClean(backend);
    await expectContents(backend, builder.model);
    expect(await bitmapsOf(backend)).toEqual(before);
  });
});

/** Names and contents of all bitmaps, by what their tables name. */
async function bitmapsOf(backend: MemoryBackend): Promise<unknown[]> {
  const head = await readHead(backend);
  const { clusterSize } = head.geometry;
  return (await readBitmapDirectory(backend, head)).map(({ name, tableOffset, tableSize, flags }) => {
    const table = new DataView(backend.toBytes(Number(tableOffset), tableSize * 8).buffer);
    const parts = Array.from({ length: tableSize }, (_, at) => {
      const entry = table.getBigUint64(at * 8);
      return entry > 1n ? backend.toBytes(Number(entry), clusterSize) : entry;
    });
    return { name, flags, parts };
  });
}
