// Disks of more runs than one mapping step takes, and many readers at once: what small images never show.

import { MemoryBackend } from "@qcow/backend-memory";
import { describe, expect, test } from "vitest";
import { decodeToRaw, Qcow2Reader } from "../src/index.js";
import { expectBytes, expectMap, expectReads } from "./expect-disk.js";
import { ImageBuilder } from "./image-builder.js";
import { forSeeds, modelRuns, Random } from "./random.js";
import { randomImage, randomRanges } from "./random-image.js";
import { compression } from "./streams.js";

const CLUSTER = 512;
const CLUSTERS = 36_000;

// Every second cluster below and every third one above: a run for nearly each cluster, from both layers.
async function build() {
  const size = CLUSTERS * CLUSTER;
  const base = new ImageBuilder({ size: size - 700 * CLUSTER, clusterBits: 9, label: "base" });
  for (let cluster = 0; cluster < base.clusterCount; cluster += 2) {
    base.data(cluster, new Uint8Array(CLUSTER).fill(1 + (cluster % 250)));
  }
  const backing = { name: "base", format: "qcow2" };
  const top = new ImageBuilder({ size, clusterBits: 9, below: base.model, backing });
  for (let cluster = 0; cluster < CLUSTERS; cluster += 3) {
    if (cluster % 5 === 0) top.zero(cluster);
    else top.data(cluster, new Uint8Array(CLUSTER).fill(251 + (cluster % 5)));
  }
  const { backend: below } = await base.build();
  const { backend } = await top.build();
  const reader = await Qcow2Reader.open(backend, {
    openReference: async () => ({ backend: below.snapshot() }),
  });
  return { reader, model: top.model };
}

describe("a chain of more runs than one step maps", () => {
  test("reads, maps and decodes as the model says", async () => {
    const { reader, model } = await build();
    await expectReads(reader, model, new Random(1), 4);
    const extents = await expectMap(reader, model, new Random(2));
    expect(extents.length).toBeGreaterThan(20_000);
    expect(new Set(extents.map(({ depth }) => depth))).toEqual(new Set([0, 1]));
    const target = new MemoryBackend();
    await decodeToRaw(reader, target);
    expectBytes(target.toBytes(), model.bytes(), "the decoded disk");
  });
});

describe("many reads at once", () => {
  test("each get their own bytes, with a cache of one table", async () => {
    await forSeeds(modelRuns(25), async (random) => {
      const builder = await randomImage(random, { plain: true });
      const { backend } = await builder.build();
      const reader = await Qcow2Reader.open(backend, { compression, metadataCacheBytes: 1 });
      const { clusterSize } = reader.metadata.geometry;
      const ranges = randomRanges(random, builder.model, clusterSize, 30);
      await Promise.all(
        ranges.map(async ([offset, length]) => {
          const target = new Uint8Array(length);
          await reader.read(offset, target);
          expectBytes(target, builder.model.read(offset, length), `read(${offset}, ${length})`);
        }),
      );
    });
  });
});

describe("neighbours in the host", () => {
  // Two clusters of 4 KiB with `gap` clusters between them.
  async function readsWithGap(gap: number): Promise<number> {
    let next = 0;
    const builder = new ImageBuilder({ size: 2 ** 20, clusterBits: 12, gap: () => next });
    builder.data(0, new Uint8Array(4096).fill(1));
    next = gap;
    builder.data(9, new Uint8Array(4096).fill(2));
    next = 0;
    const { backend } = await builder.build();
    let reads = 0;
    const observer = {
      hostRead: ({ purpose }: { purpose: string }) => void (purpose === "contents" && reads++),
    };
    const reader = await Qcow2Reader.open(backend, { observer });
    const target = new Uint8Array(2 ** 20);
    await reader.read(0, target);
    expect([target[0], target[9 * 4096]]).toEqual([1, 2]);
    return reads;
  }

  test("are read together when at most 16 KiB lie between them", async () => {
    expect(await readsWithGap(4)).toBe(1);
    expect(await readsWithGap(5)).toBe(2);
  });
});
