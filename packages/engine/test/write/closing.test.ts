// The end of writing: close waits, makes everything durable, and nothing can be done afterwards.

import { CrashingBackend, FaultyBackend } from "@qcow/backend-memory";
import { describe, expect, test } from "vitest";
import { Qcow2Image, readMetadata, repairImage } from "../../src/index.js";
import { expectBytes } from "../expect-disk.js";
import { Random } from "../random.js";
import { Gate, settle } from "./gates.js";
import { expectClean, openReader, openWritable } from "./open-writable.js";
import { C, filled, fresh, readAt } from "./small-disks.js";

describe("closing", () => {
  test("waits for operations that have begun, also for those that go over many tables", async () => {
    const gate = new Gate();
    const disk = await fresh({ clusterSize: 512, size: 64 * 512 * 8 });
    const backend = new CrashingBackend(disk, { hold: gate.hold });
    const image = await openWritable(backend);
    gate.shut("write", "flush");
    const bytes = filled(3, 64 * 512 * 6);
    const all = [image.write(100, bytes), image.discard(64 * 512 * 7, 64 * 512), image.flush()];
    let closed = false;
    const closing = image.close().then(() => {
      closed = true;
    });
    await settle();
    expect(closed).toBe(false);
    gate.open();
    await Promise.all([...all, closing]);
    await expectClean(backend.snapshot());
    const reader = await openReader(backend.snapshot());
    expectBytes(await readAt(reader, 100, bytes.length), bytes, "what was written");
  });

  test("makes everything durable, flushed or not", async () => {
    const random = new Random(9);
    for (const lazyRefcounts of [true, false]) {
      const backend = new CrashingBackend(await fresh({ lazyRefcounts }));
      const image = await openWritable(backend);
      await image.write(10, filled(1, 3 * C));
      await image.writeCompressed(8 * C, filled(2));
      await image.close();
      expect(backend.unflushed).toBe(0);
      const after = backend.crash(() => random.bits());
      await expectClean(after);
      const reader = await openReader(after);
      expect((await readAt(reader, 10, 1))[0]).toBe(1);
      expect((await readAt(reader, 8 * C, 1))[0]).toBe(2);
    }
  });

  test("again does nothing, and is the same closing", async () => {
    const disk = await fresh();
    const image = await openWritable(disk);
    await image.write(0, filled(1));
    const closing = image.close();
    expect(image.close()).toBe(closing);
    await closing;
    const after = disk.toBytes();
    await image.close();
    expectBytes(disk.toBytes(), after, "the file");
  });

  test("ends everything else: later calls are refused, from the moment of the call on", async () => {
    const image = await openWritable(await fresh());
    const closing = image.close();
    const calls: (() => Promise<unknown>)[] = [
      () => image.read(0, new Uint8Array(1)),
      () => image.write(0, new Uint8Array(1)),
      () => image.writeCompressed(0, filled(1)),
      () => image.discard(0, 1),
      () => image.writeZeroes(0, 1),
      () => image.flush(),
      () => image.resize(1),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "QCOW2_CLOSED" });
    await closing;
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "QCOW2_CLOSED" });
    expect(() => image.map()[Symbol.asyncIterator]()).not.toThrow();
    await expect(image.map().next()).rejects.toMatchObject({ code: "QCOW2_CLOSED" });
  });

  test("leaves the backend open, which is the caller's", async () => {
    const disk = await fresh();
    {
      await using image = await Qcow2Image.open(disk);
      await image.write(0, filled(1));
    }
    expect(await disk.size()).toBeGreaterThan(0);
    await expectClean(disk);
  });

  test("that fails says so, and leaves the dirty bit to whoever opens the image next", async () => {
    for (let nth = 1; nth <= 4; nth++) {
      const disk = await fresh({ lazyRefcounts: true });
      const faulty = new FaultyBackend(disk);
      const image = await openWritable(faulty);
      await image.write(0, filled(1, 4 * C));
      await image.flush();
      faulty.add({ operation: "any", nth: faulty.counts.any + nth, times: 99, effect: { kind: "fail" } });
      await expect(image.close()).rejects.toMatchObject({
        code: expect.stringMatching(/^(BACKEND_IO|QCOW2_FLUSH_FAILED)$/),
      });
      const { header } = await readMetadata(disk);
      expect(header.incompatibleFeatures & 1n).toBe(1n);
      await repairImage(disk, { mode: "all" });
      await expectClean(disk);
      expectBytes(await readAt(await openReader(disk), 0, 4 * C), filled(1, 4 * C), "what was flushed");
    }
  });
});
