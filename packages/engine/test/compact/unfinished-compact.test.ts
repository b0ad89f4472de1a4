// Compactions that do not happen, or not to the end: of images that are not in order, dry, and ended by a signal.

import type { MemoryBackend } from "@qcow/backend-memory";
import type { Progress } from "@qcow/block";
import { describe, expect, test } from "vitest";
import { checkImage, compactImage } from "../../src/index.js";
import { readMetadata } from "../../src/read-metadata.js";
import { BuiltImage } from "../built-image.js";
import { expectBytes } from "../expect-disk.js";
import { Random } from "../random.js";
import { kept } from "../write/open-writable.js";
import { compacting, expectSame } from "./compacted.js";
import { CLUSTER, fill, sparse } from "./sparse-image.js";

describe("an image that is not in order", () => {
  test("has its leaks freed", async () => {
    const builder = sparse();
    fill(builder, new Random(14));
    const built = await builder.build();
    const end = (await built.backend.size()) / CLUSTER;
    for (let cluster = 2; cluster < end; cluster++)
      if (!built.references.has(cluster)) await built.setRefcount(cluster, 1n);
    const { leaks } = await checkImage(built.backend);
    const { report } = await compacting(built.backend);
    expect(report.leaksFixed).toBe(leaks);
    expect(report.sizeAfter).toBeLessThan(report.sizeBefore / 2);
    await expectSame(builder, built);
  });

  test("is repaired first when it is dirty", async () => {
    const builder = sparse({ dirty: true });
    fill(builder, new Random(15));
    const built = await builder.build();
    for (const cluster of built.references.keys())
      if (built.hostOf(0) <= cluster) await built.setRefcount(cluster, 0n);
    await compacting(built.backend);
    expect((await readMetadata(built.backend)).header.incompatibleFeatures).toBe(0n);
    await expectSame(builder, built);
  });

  test("is refused when it is corrupt, and nothing is written", async () => {
    const builder = sparse();
    fill(builder, new Random(16));
    const built = await builder.build();
    await built.setRefcount(built.hostOf(7), 0n);
    const before = built.backend.toBytes();
    await expect(compactImage(built.backend)).rejects.toMatchObject({ code: "QCOW2_CORRUPT" });
    expectBytes(built.backend.toBytes(), before, "the file");
  });

  test("is refused when two entries name one place that they do not share", async () => {
    const builder = sparse();
    fill(builder, new Random(17));
    const built = await builder.build();
    await built.putU64(built.l2EntryOffset(3), built.getU64(built.l2EntryOffset(4)));
    const before = built.backend.toBytes();
    await expect(compactImage(built.backend)).rejects.toMatchObject({ code: "QCOW2_CORRUPT" });
    expectBytes(built.backend.toBytes(), before, "the file");
  });
});

describe("a dry run", () => {
  test("writes nothing and says how short the file would be", async () => {
    const builder = sparse();
    fill(builder, new Random(18));
    const built = await builder.build();
    const dry = await compacting(kept(built.backend.snapshot()), {}).then(({ report }) => report);
    const before = built.backend.toBytes();
    const report = await compactImage(built.backend, { dryRun: true });
    expectBytes(built.backend.toBytes(), before, "the file");
    expect(report).toMatchObject({
      dryRun: true,
      bytesCopied: 0,
      referencesChanged: 0,
      sizeBefore: dry.sizeBefore,
    });
    expect(report.sizeAfter).toBe(dry.sizeAfter);
    expect(report.clustersMoved).toBeGreaterThan(0);
  });

  test("says so of an image that is to be repaired first as well", async () => {
    const builder = sparse({ dirty: true });
    fill(builder, new Random(19));
    const built = await builder.build();
    await built.setRefcount(built.hostOf(7), 0n);
    const report = await compactImage(built.backend, { dryRun: true });
    expect(report.sizeAfter).toBeLessThan(report.sizeBefore);
  });
});

describe("a signal", () => {
  test("ends a compaction anywhere, and leaves a sound image that another one finishes", async () => {
    const builder = sparse({ clusterBits: 9, size: 400 * 512 }, 2);
    const random = new Random(20);
    fill(builder, random, 0, 300);
    builder.snapshot("1", "first");
    fill(builder, random, 0, 5);
    const whole = await builder.build();
    const steps = await stepsOf(whole.backend.snapshot());
    let ended = 0;
    for (let step = 1; step < steps; step += Math.max(1, Math.floor(steps / 12))) {
      const built = new BuiltImage({ ...whole, backend: whole.backend.snapshot() });
      if ((await abortedAt(built.backend, step)) === "ended") ended++;
      await expectSame(builder, built);
      await compacting(built.backend);
      await expectSame(builder, built);
    }
    expect(ended).toBeGreaterThan(6);
  });

  test("that was there before leaves every byte", async () => {
    const builder = sparse();
    fill(builder, new Random(21));
    const { backend } = await builder.build();
    const before = backend.toBytes();
    await expect(compactImage(backend, { signal: AbortSignal.abort() })).rejects.toThrow();
    expectBytes(backend.toBytes(), before, "the file");
  });
});

/** How many writes a compaction takes. */
async function stepsOf(backend: MemoryBackend): Promise<number> {
  return (await compacting(backend)).writes;
}

async function abortedAt(backend: MemoryBackend, step: number): Promise<"ended" | "finished"> {
  const controller = new AbortController();
  const stopping = kept(backend);
  let writes = 0;
  const { write } = stopping;
  stopping.write = async (...parts) => {
    if (++writes === step) controller.abort(new Error("enough"));
    await write.apply(stopping, parts);
  };
  return await compactImage(stopping, { signal: controller.signal }).then(
    () => "finished",
    (error) => {
      expect(String(error)).toContain("enough");
      return "ended";
    },
  );
}

describe("progress", () => {
  test("rises to its total", async () => {
    const builder = sparse();
    fill(builder, new Random(22));
    const { backend } = await builder.build();
    const seen: Progress[] = [];
    await compactImage(backend, { onProgress: (progress) => seen.push({ ...progress }) });
    const done = seen.map((each) => each.done);
    expect([...done].sort((a, b) => a - b)).toEqual(done);
    expect(seen.at(-1)?.done).toBe(seen.at(-1)?.total);
  });
});
