// Random images of every geometry against plain bytes. A failure names its seed.

import { isBackendError } from "@qcow/block";
import { isFormatError } from "@qcow/format";
import { describe, expect, test } from "vitest";
import { checkImage, isEngineError, Qcow2Reader } from "../src/index.js";
import type { BuiltImage } from "./built-image.js";
import { expectMap, expectReads, expectStreams } from "./expect-disk.js";
import { naiveRecount } from "./naive-recount.js";
import { forSeeds, modelRuns, type Random } from "./random.js";
import { randomImage } from "./random-image.js";
import { compression } from "./streams.js";

function open(image: BuiltImage, snapshot?: string): Promise<Qcow2Reader> {
  const openReference = async () => {
    if (image.data === undefined) throw new Error("there is no data file");
    return { backend: image.data };
  };
  return Qcow2Reader.open(image.backend, { compression, openReference, snapshot });
}

describe("a random image", () => {
  test("reads, streams, maps and seeks as the model says, in all its snapshots", async () => {
    await forSeeds(modelRuns(60), async (random) => {
      const builder = await randomImage(random);
      const image = await builder.build();
      const disks = [
        { id: undefined, model: builder.model },
        ...builder.snapshots.map((s) => ({ id: s.snapshot.id, model: s.model })),
      ];
      for (const { id, model } of disks) {
        const reader = await open(image, id);
        await expectReads(reader, model, random);
        await expectStreams(reader, model, random);
        await expectMap(reader, model, random);
        await reader.close();
      }
    });
  });

  test("is clean for a check, whose counts are those of a naive recount", async () => {
    await forSeeds(modelRuns(60), async (random) => {
      const image = await (await randomImage(random)).build();
      const report = await checkImage(image.backend);
      expect(report.findings).toEqual([]);
      const { references, stored } = naiveRecount(image.backend.toBytes());
      expect(new Map([...stored].map(([host, count]) => [host, Number(count)]))).toEqual(references);
      expect(report).toMatchObject({
        leaks: 0,
        corruptions: 0,
        checkErrors: 0,
        usedHostClusters: references.size,
      });
      expect(report.imageEndOffset).toBe((Math.max(...references.keys()) + 1) * image.geometry.clusterSize);
    });
  });
});

describe("a random image with one wrong refcount", () => {
  test("is never found clean", async () => {
    await forSeeds(modelRuns(60), async (random) => {
      const image = await (await randomImage(random)).build();
      const { refcountBits } = image.geometry;
      const cluster = random.pick([...image.references.keys()]);
      const right = BigInt(image.references.get(cluster) ?? 0);
      const limit = 1n << BigInt(refcountBits);
      const wrong = (right + BigInt(random.between(1, 2 ** Math.min(refcountBits, 31) - 1))) % limit;
      if (wrong === right) return;
      await image.setRefcount(cluster, wrong);
      const report = await checkImage(image.backend);
      expect(wrong > right ? report.leaks : report.corruptions).toBeGreaterThan(0);
      const offset = cluster * image.geometry.clusterSize;
      const code = wrong > right ? "REFCOUNT_TOO_HIGH" : "REFCOUNT_TOO_LOW";
      expect(report.findings).toContainEqual(expect.objectContaining({ code, offset }));
    });
  });
});

describe("a random image with random damage", () => {
  test("fails with the errors of the project or reads something, and never hangs", async () => {
    await forSeeds(modelRuns(150), async (random) => {
      const image = await (await randomImage(random)).build();
      await damage(random, image);
      await survives(image);
    });
  });

  test("is never found sound when a recount disagrees with its refcounts", async () => {
    let compared = 0;
    await forSeeds(modelRuns(100), async (random) => {
      const image = await (await randomImage(random, { plain: true })).build();
      await damageEntry(random, image);
      const report = await checkImage(image.backend);
      const { references, stored } = naiveRecount(image.backend.toBytes());
      const hosts = [...new Set([...references.keys(), ...stored.keys()])];
      const wrong = hosts.filter((host) => BigInt(references.get(host) ?? 0) !== (stored.get(host) ?? 0n));
      if (wrong.length > 0) compared++;
      if (wrong.length > 0) expect(report.leaks + report.corruptions).toBeGreaterThan(0);
    });
    expect(compared).toBeGreaterThan(0);
  });
});

// Bits flip where structures lie: header, tables, refcounts, or anywhere; or the file is cut.
async function damage(random: Random, image: BuiltImage): Promise<void> {
  const size = await image.backend.size();
  const places = [
    0,
    image.l1Offset,
    image.refcountTableOffset,
    image.snapshotsOffset,
    ...image.l2Offsets.values(),
    ...image.refcountBlocks.values(),
  ];
  for (let count = random.between(1, 4); count > 0; count--) {
    const offset = Math.min(size - 1, random.pick(places) + random.below(random.pick([16, 128, 512])));
    const byte = image.backend.toBytes(offset, 1);
    byte[0] = random.chance(0.5) ? random.bits() : (byte[0] ?? 0) ^ (1 << random.below(8));
    await image.backend.write(offset, byte);
  }
  if (random.chance(0.2)) await image.backend.resize(random.below(size) + 1);
}

async function damageEntry(random: Random, image: BuiltImage): Promise<void> {
  const table = random.pick([...image.l2Offsets.values(), image.l1Offset]);
  const entries = table === image.l1Offset ? image.header.l1Size : image.geometry.clusterSize / 8;
  const offset = table + random.below(entries) * 8;
  await image.edit(offset, (value) => value ^ (1n << BigInt(random.between(image.geometry.clusterBits, 30))));
}

async function survives(image: BuiltImage): Promise<void> {
  await expected(async () => {
    await checkImage(image.backend, { memoryBytesMax: 2 ** 26 });
  });
  await expected(async () => {
    const reader = await open(image);
    await expected(async () => {
      const target = new Uint8Array(Math.min(reader.virtualSize, 2 ** 22));
      await reader.read(0, target);
    });
    await expected(async () => {
      let extents = 0;
      for await (const _ of reader.map()) if (++extents > 10_000) break;
    });
    await reader.close();
  });
}

async function expected(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isFormatError(error) && !isEngineError(error) && !isBackendError(error) && !isNoDataFile(error))
      throw error;
  }
}

function isNoDataFile(error: unknown): boolean {
  return error instanceof Error && error.message === "there is no data file";
}
