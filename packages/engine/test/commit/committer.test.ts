// In which order a commit writes, and how many flushes it takes. S-0.4-1: the order is one of writes and flushes, which
// a device that buffers keeps.

import { CrashingBackend, FaultyBackend, MemoryBackend } from "@qcow/backend-memory";
import { describe, expect, test } from "vitest";
import { type CreateOptions, createImage, type OpenImageOptions, type Qcow2Image } from "../../src/index.js";
import { Gate, settle } from "../write/gates.js";
import { expectClean, expectNoCorruption, openReader, openWritable } from "../write/open-writable.js";
import { inWords, RecordingBackend, structuresOf } from "../write/recording-backend.js";

const C = 4096;

async function make(create: Partial<CreateOptions> = {}, options: OpenImageOptions = {}) {
  const disk = new MemoryBackend();
  await createImage(disk, { size: 64 * 2 ** 20, clusterSize: C, lazyRefcounts: false, ...create });
  const backend = new RecordingBackend(disk);
  const image = await openWritable(backend, {}, options);
  const words = async (): Promise<string[]> =>
    inWords(backend.take(), await structuresOf(disk), create.clusterSize ?? C);
  return { disk, backend, image, words };
}

function filled(value: number, length = C): Uint8Array {
  return new Uint8Array(length).fill(value);
}

describe("a commit", () => {
  test("of new mappings writes tables and refcounts that nothing names, flushes, then the entries, and flushes", async () => {
    const { image, words } = await make();
    await image.write(0, filled(1));
    expect(await words()).toEqual(["data"]);
    await image.flush();
    expect(await words()).toEqual(["L2", "refcounts", "flush", "L1", "flush"]);
    await image.write(C, filled(2));
    await image.flush();
    expect(await words()).toEqual(["data", "refcounts", "flush", "L2", "flush"]);
  });

  test("of bytes overwritten in place is one flush and nothing else", async () => {
    const { image, words } = await make();
    await image.write(0, filled(1));
    await image.flush();
    await words();
    await image.write(7, filled(2, 100));
    await image.flush();
    expect(await words()).toEqual(["data", "flush"]);
  });

  test("of nothing is nothing (S-0.4.1-1)", async () => {
    const { image, words } = await make();
    await image.flush();
    await image.read(0, new Uint8Array(C));
    await image.write(0, new Uint8Array(0));
    await image.discard(0, 10 * C);
    await image.writeZeroes(0, 10 * C);
    await image.flush();
    // The first flush of a session covers what others wrote to the file before.
    expect(await words()).toEqual(["flush"]);
  });

  test("writes new refcount blocks and flushes before the table names them, which is before the entries", async () => {
    const { image, words, disk } = await make({ clusterSize: 512 });
    // The first block counts 256 clusters.
    await image.write(0, filled(1, 300 * 512));
    await image.flush();
    expect(await words()).toEqual([
      "L2",
      "data",
      "refcounts",
      "flush",
      "refcount table",
      "flush",
      "L1",
      "flush",
    ]);
    await image.close();
    await expectClean(disk);
  });

  test("writes a refcount table that moved and flushes before the header names it (D8)", async () => {
    const { image, words, disk } = await make({ clusterSize: 512, size: 2 ** 25 });
    await image.write(0, filled(1, 15 * 2 ** 19));
    await image.flush();
    await words();
    await image.write(2 ** 24, filled(2, 2 ** 20));
    await image.flush();
    expect(await words()).toEqual([
      "L2",
      "data",
      "refcount table",
      "refcounts",
      "flush",
      "header",
      "flush",
      "L1",
      "flush",
    ]);
    await image.close();
    await expectClean(disk);
  });

  test("frees clusters only after the flush of the entries that gave them up (D1, D2)", async () => {
    const { image, words, disk } = await make();
    await image.write(0, filled(1, 4 * C));
    await image.flush();
    await words();
    await image.discard(0, 4 * C);
    await image.write(8 * C, filled(2, 4 * C));
    // Nothing is punched, and the new data does not lie where the old did.
    expect(await words()).toEqual(["data"]);
    expect(await disk.size()).toBeGreaterThanOrEqual(12 * C);
    await image.flush();
    await settle();
    expect(await words()).toEqual(["refcounts", "flush", "L2", "flush", "discard"]);
    await image.write(16 * C, filled(3, 4 * C));
    await image.close();
    await expectClean(disk);
    expect(await disk.size()).toBe(await sizeAfterwards());
  });

  test("of lazy refcounts sets the dirty bit instead of writing them, and closing writes them and clears it (S-0.4-2)", async () => {
    const { image, words } = await make({ lazyRefcounts: true });
    await image.write(0, filled(1));
    await image.flush();
    expect(await words()).toEqual(["L2", "data", "header", "flush", "L1", "flush"]);
    await image.write(C, filled(1));
    await image.flush();
    expect(await words()).toEqual(["data", "flush", "L2", "flush"]);
    await image.close();
    expect(await words()).toEqual(["refcounts", "flush", "header", "flush"]);
  });

  test("of lazy refcounts in an image that says strict sets the dirty bit as well (D12)", async () => {
    const { image, words } = await make({ lazyRefcounts: false }, { refcounts: "lazy" });
    await image.write(0, filled(1));
    await image.flush();
    expect(await words()).toEqual(["L2", "data", "header", "flush", "L1", "flush"]);
  });

  test("is never lazy in version 2, which has no dirty bit: its header stays as it is (D11)", async () => {
    const disk = new MemoryBackend();
    await createImage(disk, { size: 2 ** 20, clusterSize: C, version: 2 });
    const before = disk.toBytes(0, C);
    const image = await openWritable(disk, {}, { refcounts: "lazy" });
    await image.write(0, filled(1));
    await image.discard(0, C);
    await image.write(C, filled(1));
    await image.flush();
    await expectNoCorruption(disk);
    await image.close();
    expect(disk.toBytes(0, C)).toEqual(before);
  });
});

/** Length of the file of the test above: what it had before, since the freed clusters were used again. */
async function sizeAfterwards(): Promise<number> {
  const { image, disk } = await make();
  await image.write(0, filled(1, 4 * C));
  await image.write(8 * C, filled(2, 4 * C));
  await image.close();
  return await disk.size();
}

describe("commits", () => {
  async function gated() {
    const disk = new MemoryBackend();
    await createImage(disk, { size: 2 ** 20, clusterSize: C, lazyRefcounts: false });
    const gate = new Gate();
    const backend = new RecordingBackend(new CrashingBackend(disk, { hold: gate.hold }));
    return { gate, backend, image: await openWritable(backend) };
  }

  function flushes({ log }: RecordingBackend): number {
    return log.filter(({ kind }) => kind === "flush").length;
  }

  test("are shared by flushes that come together", async () => {
    const { image, backend } = await gated();
    await image.write(0, filled(1));
    await Promise.all(Array.from({ length: 10 }, () => image.flush()));
    expect(flushes(backend)).toBe(2);
  });

  test("one that runs is no excuse: a flush covers what was written before it, with a commit of its own", async () => {
    const { image, backend, gate } = await gated();
    await image.write(0, filled(1));
    gate.shut("flush");
    const first = image.flush();
    await settle();
    await image.write(C, filled(2));
    let second = false;
    const flushing = Promise.all([image.flush(), image.flush()]).then(() => {
      second = true;
    });
    gate.pass();
    await settle();
    gate.pass();
    await first;
    await settle();
    expect(second).toBe(false);
    gate.open();
    await flushing;
    expect(flushes(backend)).toBe(4);
  });

  test("let reads and writes go on meanwhile (S-0.9.2-1)", async () => {
    const { image, gate } = await gated();
    await image.write(0, filled(1));
    gate.shut("flush");
    const flushing = image.flush();
    await settle();
    const bytes = new Uint8Array(C);
    await image.write(0, filled(5));
    await image.read(0, bytes);
    expect(bytes).toEqual(filled(5));
    await image.write(20 * C, filled(6));
    await image.discard(C, C);
    gate.open();
    await flushing;
    await image.close();
  });
});

describe("a flush of the host that fails", () => {
  async function failing(nth: number) {
    const { disk } = await make();
    const faulty = new FaultyBackend(disk);
    const image = await openWritable(faulty);
    await image.write(0, filled(1));
    await image.flush();
    await image.write(C, filled(2));
    faulty.add({ operation: "flush", nth: faulty.counts.flush + nth, effect: { kind: "fail" } });
    return { disk, faulty, image };
  }

  test.each([1, 2])(
    "is final: nothing more is written, reading goes on (flush %i of the commit)",
    async (nth) => {
      const { disk, faulty, image } = await failing(nth);
      const final = { code: "QCOW2_FLUSH_FAILED", cause: { code: "BACKEND_IO" } };
      await expect(image.flush()).rejects.toMatchObject(final);
      const { write } = faulty.counts;
      const changes: (() => Promise<void>)[] = [
        () => image.flush(),
        () => image.write(0, filled(9)),
        () => image.writeCompressed(0, filled(9)),
        () => image.discard(0, C),
        () => image.writeZeroes(0, C),
        () => image.resize(2 ** 27),
        () => image.resize(C, { allowDataLoss: true }),
      ];
      for (const change of changes) await expect(change()).rejects.toMatchObject(final);
      const bytes = new Uint8Array(C);
      await image.read(C, bytes);
      expect(bytes).toEqual(filled(2));
      await expect(image.close()).rejects.toMatchObject(final);
      expect(faulty.counts.write).toBe(write);
      expect(faulty.counts.resize).toBe(0);
      await expectNoCorruption(disk);
      const reader = await openReader(disk);
      await reader.read(0, bytes);
      expect(bytes).toEqual(filled(1));
    },
  );

  test("fails all who wait for it", async () => {
    const { image } = await failing(1);
    const results = await Promise.allSettled([image.flush(), image.flush(), image.flush()]);
    expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
  });
});

describe("a write of a commit that fails", () => {
  test("fails the flush; the next one writes everything", async () => {
    for (let nth = 1; nth <= 3; nth++) {
      const { disk } = await make();
      const faulty = new FaultyBackend(disk);
      const image: Qcow2Image = await openWritable(faulty);
      await image.write(0, filled(1));
      await image.write(C, filled(2));
      await image.discard(C, C);
      faulty.add({
        operation: "write",
        nth: faulty.counts.write + nth,
        effect: { kind: "short", bytes: 100 },
      });
      await expect(image.flush()).rejects.toMatchObject({ code: "BACKEND_IO" });
      await expectNoCorruption(disk);
      await image.write(5 * C, filled(6));
      await image.flush();
      const reader = await openReader(disk);
      const bytes = new Uint8Array(6 * C);
      await reader.read(0, bytes);
      expect([bytes[0], bytes[C], bytes[5 * C]]).toEqual([1, 0, 6]);
      await image.close();
      await expectClean(disk);
    }
  });
});
