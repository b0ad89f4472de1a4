// What a repair does and does not do, one thing at a time; and random images of every geometry without refcounts.

import { type BlockBackend, type Progress, withCounting, withTracing } from "@qcow/block";
import { describe, expect, test } from "vitest";
import { checkImage, repairImage } from "../../src/index.js";
import type { BuiltImage } from "../built-image.js";
import { ImageBuilder, type ImageOptions } from "../image-builder.js";
import { naiveRecount } from "../naive-recount.js";
import { forSeeds, modelRuns } from "../random.js";
import { randomImage } from "../random-image.js";
import { Gate } from "../recycle/gate.js";
import { expectNothingLost, readableContents } from "./readable-contents.js";

const CLUSTER = 65536;
const COPIED = 1n << 63n;
const CLEAN = { leaks: 0, corruptions: 0, checkErrors: 0 };

const filled = (value: number, length = CLUSTER): Uint8Array => new Uint8Array(length).fill(value);

async function small(options: Partial<ImageOptions> = {}): Promise<BuiltImage> {
  return await new ImageBuilder({ size: 2 ** 20, ...options }).data(0, filled(1)).data(1, filled(2)).build();
}

async function zeroRefcounts(image: BuiltImage): Promise<void> {
  for (const offset of image.refcountBlocks.values())
    await image.backend.write(offset, new Uint8Array(image.geometry.clusterSize));
}

const all = (backend: BlockBackend) => repairImage(backend, { mode: "all" });
const leaks = (backend: BlockBackend) => repairImage(backend, { mode: "leaks" });

describe("a repair of everything", () => {
  test("writes nothing to a sound image", async () => {
    const counted = withCounting((await small()).backend as BlockBackend);
    const report = await all(counted);
    expect(report).toMatchObject({ after: CLEAN, leaksFixed: 0, corruptionsFixed: 0 });
    expect(counted.counters).toMatchObject({ writes: 0, flushes: 0, resizes: 0 });
    expect(report.after).toBe(report.before);
  });

  test("clears the dirty bit of an image whose refcounts are right, and does nothing else", async () => {
    const image = await small({ dirty: true });
    const writes: unknown[] = [];
    const traced = withTracing(image.backend as BlockBackend, ({ phase, operation, offset, length }) => {
      if (phase === "start" && (operation === "write" || operation === "flush"))
        writes.push([operation, offset, length]);
    });
    await all(traced);
    expect(writes).toEqual([
      ["flush", undefined, undefined],
      ["write", 72, 8],
      ["flush", undefined, undefined],
    ]);
    expect(image.getU64(72)).toBe(0n);
  });

  test("clears the corrupt bit only where nothing is wrong any more", async () => {
    const image = await small();
    await image.edit(72, (bits) => bits | 3n);
    await image.edit(image.l2EntryOffset(0), (entry) => entry | (1n << 58n));
    expect((await all(image.backend)).after.corruptions).toBe(1);
    expect(image.getU64(72)).toBe(3n);
    await image.edit(image.l2EntryOffset(0), (entry) => entry & ~(1n << 58n));
    await all(image.backend);
    expect(image.getU64(72)).toBe(0n);
  });

  test("clears autoclear bits that it does not know before it changes anything, and keeps the others", async () => {
    const image = await new ImageBuilder({ size: 2 ** 20 })
      .data(0, filled(1))
      .bitmap("bits", ["data"])
      .build();
    await image.edit(88, (bits) => bits | (1n << 20n));
    await image.setRefcount(image.hostOf(0), 0n);
    expect((await all(image.backend)).after).toMatchObject(CLEAN);
    expect(image.getU64(88)).toBe(1n);
  });

  test("raises the refcount of a cluster that two guest clusters share, and clears both flags", async () => {
    const image = await small();
    await image.putU64(image.l2EntryOffset(1), image.getU64(image.l2EntryOffset(0)));
    const report = await all(image.backend);
    expect(report).toMatchObject({ after: CLEAN, leaksFixed: 1 });
    expect(naiveRecount(image.backend.toBytes()).stored.get(image.hostOf(0))).toBe(2n);
    for (const cluster of [0, 1]) expect(image.getU64(image.l2EntryOffset(cluster)) & COPIED).toBe(0n);
  });

  test("makes an unaligned zero cluster a plain one, and frees what it held", async () => {
    const image = await new ImageBuilder({ size: 2 ** 20 }).zero(0, true).data(1, filled(1)).build();
    await image.edit(image.l2EntryOffset(0), (entry) => entry + 512n);
    expect((await all(image.backend)).after).toMatchObject(CLEAN);
    expect(image.getU64(image.l2EntryOffset(0))).toBe(1n);
  });

  test("completes entries of snapshots that are too short for version 3", async () => {
    const image = await new ImageBuilder({ size: 2 ** 20 })
      .data(0, filled(1))
      .snapshot("1", "a", { diskSize: undefined })
      .snapshot("2", "b", { diskSize: undefined })
      .build();
    const before = await readableContents(image.backend, undefined, ["1", "2"]);
    expect(await all(image.backend)).toMatchObject({ after: CLEAN, corruptionsFixed: 2 });
    expectNothingLost(before, await readableContents(image.backend, undefined, ["1", "2"]), "afterwards");
    expect(image.getU64(64)).not.toBe(BigInt(image.snapshotsOffset));
  });

  test("points the header to new refcounts with one write of twelve bytes", async () => {
    const image = await small();
    await image.putU32(56, 0);
    const writes: unknown[] = [];
    const traced = withTracing(image.backend as BlockBackend, ({ phase, operation, offset, length }) => {
      if (phase === "start" && operation === "write" && offset === 48) writes.push(length);
    });
    expect((await all(traced)).after).toMatchObject(CLEAN);
    expect(writes).toEqual([12]);
  });

  test("says that a refcount of one bit has no room for two references, and does not wrap it around", async () => {
    const image = await small({ refcountOrder: 0 });
    await image.putU64(image.l2EntryOffset(1), image.getU64(image.l2EntryOffset(0)));
    const { after } = await all(image.backend);
    expect(after).toMatchObject({ leaks: 0, corruptions: 1 });
    expect(after.findings[0]).toMatchObject({ code: "REFCOUNT_TOO_LOW" });
    expect(naiveRecount(image.backend.toBytes()).stored.get(image.hostOf(0))).toBe(1n);
  });

  test("frees no leaks while something cannot be found that may be what is leaked", async () => {
    const image = await small();
    await image.edit(image.l1Offset, (entry) => entry + 512n);
    const { before, after, leaksFixed } = await all(image.backend);
    expect(before.leaks).toBeGreaterThan(0);
    expect(after.leaks).toBe(before.leaks);
    expect(leaksFixed).toBe(0);
    await image.edit(image.l1Offset, (entry) => entry - 512n);
    expect((await all(image.backend)).after).toMatchObject(CLEAN);
  });

  test("puts nothing where a damaged entry points behind the end of the file", async () => {
    const image = await small();
    const end = Math.ceil((await image.backend.size()) / CLUSTER) * CLUSTER;
    await image.putU64(image.l2EntryOffset(0), BigInt(end + CLUSTER) | COPIED);
    await image.putU32(56, 0);
    await all(image.backend);
    const { references } = naiveRecount(image.backend.toBytes());
    expect(references.get(end / CLUSTER + 1) ?? 0).toBeLessThanOrEqual(1);
    expect((await checkImage(image.backend)).findings.map(({ code }) => code)).not.toContain(
      "CLUSTER_OVERLAP",
    );
  });
});

describe("a repair of leaks", () => {
  test("frees them and clears the dirty bit", async () => {
    const image = await small({ dirty: true });
    await image.setRefcount(image.hostOf(0), 7n);
    await image.edit(image.l2EntryOffset(0), (entry) => entry & ~COPIED);
    expect(await leaks(image.backend)).toMatchObject({ after: CLEAN, leaksFixed: 1 });
    expect(image.getU64(72)).toBe(0n);
  });

  test("is refused, and nothing written, where refcounts must be rebuilt", async () => {
    const image = await small({ dirty: true });
    await zeroRefcounts(image);
    const counted = withCounting(image.backend as BlockBackend);
    const { before, after } = await leaks(counted);
    expect(after.checkErrors).toBe(before.checkErrors + 1);
    expect(after.findings.at(-1)).toMatchObject({ code: "REFCOUNT_REBUILD_NEEDED", severity: "error" });
    expect(counted.counters).toMatchObject({ writes: 0, flushes: 0 });
  });

  test("raises nothing", async () => {
    const image = await new ImageBuilder({ size: 2 ** 20 }).data(0, filled(1)).snapshot("1", "a").build();
    await image.setRefcount(image.hostOf(0), 1n);
    const counted = withCounting(image.backend as BlockBackend);
    expect((await leaks(counted)).after.corruptions).toBeGreaterThan(0);
    expect(counted.counters.writes).toBe(0);
  });
});

describe("what a repair costs", () => {
  // 20,000 clusters of 512 bytes: 300 L2 tables and 79 refcount blocks.
  async function large(damage: (image: BuiltImage) => Promise<void>) {
    const builder = new ImageBuilder({ size: 20_000 * 512, clusterBits: 9, dirty: true });
    for (let cluster = 0; cluster < 20_000; cluster++) builder.data(cluster, filled(1, 512));
    const image = await builder.build();
    await damage(image);
    return withCounting(image.backend as BlockBackend);
  }

  test("makes durable what it relies on before it writes: those who wrote before may not have flushed", async () => {
    const image = await small();
    await zeroRefcounts(image);
    const gate = new Gate(image.backend as BlockBackend);
    await all(gate);
    const changes = gate.log.filter(({ kind }) => kind !== "read").map(({ kind }) => kind);
    expect(changes[0]).toBe("flush");
    expect(changes).toContain("write");
  });

  test("is five flushes and a few large writes where refcounts are stale", async () => {
    const counted = await large(zeroRefcounts);
    expect((await all(counted)).after).toMatchObject(CLEAN);
    expect(counted.counters.flushes).toBeLessThanOrEqual(5);
    expect(counted.counters.writes).toBeLessThanOrEqual(3);
  });

  test("is at most seven flushes and a few large writes where all is written anew", async () => {
    const counted = await large((image) => image.putU32(56, 0));
    expect((await all(counted)).after).toMatchObject(CLEAN);
    expect(counted.counters.flushes).toBeLessThanOrEqual(7);
    expect(counted.counters.writes).toBeLessThanOrEqual(4);
  });

  test("is one write for a row of tables whose flags are wrong", async () => {
    const counted = await large(async (image) => {
      for (const index of image.l2Offsets.keys())
        await image.edit(image.l1Offset + index * 8, (entry) => entry & ~COPIED);
    });
    expect((await all(counted)).after).toMatchObject(CLEAN);
    expect(counted.counters.writes).toBeLessThanOrEqual(2);
  });

  test("is no more memory than it is given", async () => {
    const image = await small();
    const work = repairImage(image.backend, { mode: "all", memoryBytesMax: 1000 });
    await expect(work).rejects.toMatchObject({ code: "QCOW2_CHECK_TOO_LARGE" });
  });
});

describe("a repair under way", () => {
  test("tells how far it is, up to the end", async () => {
    const image = await small();
    await zeroRefcounts(image);
    const told: Progress[] = [];
    await repairImage(image.backend, { mode: "all", onProgress: (progress) => told.push(progress) });
    const shares = told.map(({ done, total }) => done / total);
    expect(shares.at(-1)).toBe(1);
    expect(shares.filter((share) => share === 1)).toHaveLength(1);
    expect([...shares].sort((a, b) => a - b)).toEqual(shares);
  });

  test("ends with the signal's reason, and can be done again", async () => {
    const image = await small();
    await zeroRefcounts(image);
    const controller = new AbortController();
    const reason = new Error("enough");
    const traced = withTracing(image.backend as BlockBackend, ({ operation }) => {
      if (operation === "write") controller.abort(reason);
    });
    const work = repairImage(traced, { mode: "all", signal: controller.signal });
    await expect(work).rejects.toBe(reason);
    expect((await all(image.backend)).after).toMatchObject(CLEAN);
  });
});

describe("a random image", () => {
  test.each(["without refcounts", "without a refcount table"])("%s gets the right ones", async (what) => {
    await forSeeds(modelRuns(40), async (random) => {
      const builder = await randomImage(random);
      const image = await builder.build();
      const ids = builder.snapshots.map(({ snapshot }) => snapshot.id);
      const before =
        what === "without refcounts" ? await readableContents(image.backend, image.data, ids) : undefined;
      if (before === undefined) await image.putU32(56, 0);
      else await zeroRefcounts(image);
      expect((await all(image.backend)).after).toMatchObject({ ...CLEAN, findings: [] });
      const { references, stored } = naiveRecount(image.backend.toBytes());
      expect(new Map([...stored].map(([host, count]) => [host, Number(count)]))).toEqual(references);
      if (before === undefined) return;
      expectNothingLost(before, await readableContents(image.backend, image.data, ids), "afterwards");
    });
  });
});
