// What qcow-tool's changelog promises (S-…) of writing. What has a file of its own is not here.

import { CrashingBackend, FaultyBackend, ManualClock, MemoryBackend } from "@qcow/backend-memory";
import { describe, expect, test } from "vitest";
import { createImage, readMetadata, repairImage } from "../../src/index.js";
import { DiskModel } from "../disk-model.js";
import { expectBytes } from "../expect-disk.js";
import { ImageBuilder } from "../image-builder.js";
import { Random } from "../random.js";
import { Gate, settle } from "./gates.js";
import { expectClean, expectContents, openReader, openWritable } from "./open-writable.js";
import { RecordingBackend } from "./recording-backend.js";

import { C, filled, fresh, readAt } from "./small-disks.js";

describe("what qcow-tool's changelog promises", () => {
  test("S-0.9.1-4: what a shorter disk or a cut tail left behind does not show in new clusters", async () => {
    const disk = await fresh({ size: 8 * C });
    // Junk behind the last cluster in use, as a crash leaves it.
    await disk.write(await disk.size(), filled(0xdd, 20 * C));
    const image = await openWritable(disk);
    await image.write(512, filled(1, 512));
    await image.write(C + 512, filled(1, 512));
    const bytes = await readAt(image, 0, 2 * C);
    expect([...bytes].filter((byte) => byte !== 0 && byte !== 1)).toEqual([]);
    await image.close();
    await expectClean(disk);
  });

  test("S-0.9.1-5: closing cuts junk off the end of the file", async () => {
    const disk = await fresh();
    const size = Math.ceil((await disk.size()) / C) * C;
    await disk.write(size, filled(0xdd, 20 * C + 5));
    await (await openWritable(disk)).close();
    expect(await disk.size()).toBe(size);
    await expectClean(disk);
  });

  test("S-0.9.1-7: a reader keeps its clusters while it reads: a discard of them waits", async () => {
    const gate = new Gate();
    const backend = new CrashingBackend(await fresh(), { hold: gate.hold });
    const image = await openWritable(backend);
    await image.write(0, filled(1));
    await image.flush();
    gate.shut("read");
    const reading = readAt(image, 0);
    await settle();
    let discarded = false;
    const discarding = image.discard(0, C).then(() => {
      discarded = true;
    });
    await settle();
    expect(discarded).toBe(false);
    gate.open();
    expectBytes(await reading, filled(1), "what was written");
    await discarding;
    await image.close();
  });

  test("S-0.7.0-5: an image that makes no sense is refused when it is opened, and left as it is", async () => {
    const good = await new ImageBuilder({ size: 2 ** 20 }).data(0, filled(1)).build();
    const corrupt = await new ImageBuilder({ size: 2 ** 20, header: { incompatibleFeatures: 2n } }).build();
    await good.putU64(good.l1Offset, 2n ** 50n);
    for (const { backend } of [good, corrupt]) {
      const before = backend.toBytes();
      await expect(openWritable(backend)).rejects.toMatchObject({ code: "QCOW2_CORRUPT" });
      expectBytes(backend.toBytes(), before, "the file");
    }
    await expect(openWritable(MemoryBackend.fromBytes(filled(1)))).rejects.toMatchObject({
      code: "QCOW2_BAD_MAGIC",
    });
  });

  test("S-0.7.1-2: files whose length is no multiple of 512, or of a cluster, are written to", async () => {
    for (const more of [1, 77, 511]) {
      const { backend, model } = await new ImageBuilder({ size: 2 ** 20, trim: true })
        .data(0, filled(1))
        .build();
      await backend.resize((await backend.size()) + more);
      const image = await openWritable(backend);
      await image.write(C, filled(2));
      model.write(C, filled(2));
      await image.close();
      await expectClean(backend);
      await expectContents(backend, model);
    }
  });

  test("S-0.7.2-1 S-0.6.0-3: a discard works where the host cannot punch holes, or must not", async () => {
    const disk = await fresh();
    const noHoles = new RecordingBackend(disk);
    Object.defineProperty(noHoles, "discard", { value: undefined });
    for (const [backend, punchHoles] of [
      [noHoles, true],
      [new RecordingBackend(disk), false],
    ] as const) {
      const image = await openWritable(backend, {}, { punchHoles });
      await image.write(0, filled(1, 2 * C));
      await image.discard(0, 2 * C);
      await image.flush();
      await image.flush();
      expect(backend.take().some(({ kind }) => kind === "discard")).toBe(false);
      await image.write(8 * C, filled(3, 2 * C));
      await image.close();
      await expectClean(disk);
    }
  });

  test("S-0.7.2-2 S-0.4-3: after discards with lazy refcounts and a crash, a repair leaves a clean image", async () => {
    const disk = await fresh({ lazyRefcounts: true });
    const backend = new CrashingBackend(disk);
    const image = await openWritable(backend);
    await image.write(0, filled(1, 8 * C));
    await image.flush();
    await image.discard(2 * C, 3 * C);
    await image.flush();
    await image.write(20 * C, filled(2, 2 * C));
    await image.flush();
    const random = new Random(4);
    const crashed = backend.crash(() => random.bits());
    await repairImage(crashed, { mode: "all" });
    await expectClean(crashed);
    const reader = await openReader(crashed);
    expect((await readAt(reader, 0, 8 * C)).filter((byte) => byte === 1)).toHaveLength(5 * C);
  });

  test("S-0.5.0-1: resizing takes bytes, rounded up to whole sectors", async () => {
    const image = await openWritable(await fresh());
    await image.resize(100 * C + 1);
    expect(image.virtualSize).toBe(100 * C + 512);
  });

  test("S-0.2-1 S-0.9.5-2: a new image has version 3, lazy refcounts and the cluster size that was asked for", async () => {
    for (const clusterSize of [512, C, 2 ** 21]) {
      const disk = new MemoryBackend();
      await createImage(disk, { size: 2 ** 22, clusterSize });
      const { header, geometry } = await readMetadata(disk);
      expect([header.version, header.compatibleFeatures & 1n]).toEqual([3, 1n]);
      expect(geometry.clusterSize).toBe(clusterSize);
      const image = await openWritable(disk);
      await image.write(100_000, filled(1, 100_000));
      await image.close();
      await expectClean(disk);
    }
  });

  test("S-0.1-1 S-0.7.0-1: a disk is read and written at any byte, on a clock of the caller's", async () => {
    const disk = await fresh({ size: 64 * 512, clusterSize: 512 });
    const image = await openWritable(disk, {}, { time: new ManualClock() });
    const model = new DiskModel(64 * 512);
    const random = new Random(8);
    for (let count = 0; count < 200; count++) {
      const offset = random.below(64 * 512);
      const bytes = random.bytes(random.between(1, Math.min(3000, 64 * 512 - offset)));
      await image.write(offset, bytes);
      model.write(offset, bytes);
    }
    expectBytes(await readAt(image, 0, 64 * 512), model.bytes(), "the disk");
    await image.close();
    await expectContents(disk, model);
  });

  test("S-0.1-4: the map shows what was written and what was not", async () => {
    const image = await openWritable(await fresh());
    await image.write(3 * C, filled(1));
    await image.write(5 * C, filled(2));
    await image.writeZeroes(5 * C, C);
    const data: number[] = [];
    for await (const extent of image.map()) if (extent.data) data.push(extent.start, extent.length);
    expect(data).toEqual([3 * C, C]);
  });

  test("S-0.9.4-6 S-0.9.4-9: an error names the place, and its cause", async () => {
    const disk = await fresh();
    const faulty = new FaultyBackend(disk, {
      faults: [{ operation: "flush", nth: 1, effect: { kind: "fail" } }],
    });
    const image = await openWritable(faulty);
    await image.write(0, filled(1));
    await expect(image.flush()).rejects.toMatchObject({
      code: "QCOW2_FLUSH_FAILED",
      message: expect.stringContaining(disk.label),
      cause: expect.objectContaining({ code: "BACKEND_IO", label: disk.label }),
    });
  });
});
