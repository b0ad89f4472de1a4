// qcow-tool's defects (D1 to D12), each as a test that would fail with it.

import { CrashingBackend, MemoryBackend } from "@qcow/backend-memory";
import { describe, expect, test } from "vitest";
import { checkImage, readMetadata, repairImage } from "../../src/index.js";
import { DiskModel } from "../disk-model.js";
import { expectBytes } from "../expect-disk.js";
import { ImageBuilder } from "../image-builder.js";
import { Random } from "../random.js";
import { Gate, settle } from "./gates.js";
import {
  expectClean,
  expectContents,
  expectNoCorruption,
  openReader,
  openWritable,
} from "./open-writable.js";
import { RecordingBackend } from "./recording-backend.js";

import { C, filled, fresh, readAt } from "./small-disks.js";

describe("defects of qcow-tool that this engine does not have", () => {
  test("D1 D2: after a power loss at any moment, what was discarded or moved still reads as before or as after", async () => {
    const disk = await fresh({ clusterSize: 4096, size: 64 * 4096 });
    const first = await openWritable(disk);
    await first.write(0, filled(1, 16 * 4096));
    await first.close();
    const random = new Random(1);
    const backend = new CrashingBackend(disk);
    const image = await openWritable(backend);
    const judge = async (possible: readonly number[]): Promise<void> => {
      for (let crash = 0; crash < 10; crash++) {
        const after = backend.crash(() => random.bits());
        await expectNoCorruption(after);
        const bytes = await readAt(await openReader(after), 0, 16 * 4096);
        for (let at = 0; at < bytes.length; at += 512) expect(possible).toContain(bytes[at]);
      }
    };
    await image.discard(0, 8 * 4096);
    await image.write(40 * 4096, filled(2, 8 * 4096));
    await judge([0, 1]);
    await image.flush();
    await image.write(50 * 4096, filled(3, 8 * 4096));
    await judge([0, 1]);
    await image.close();
    await judge([0, 1]);
  });

  test("D3: a zero cluster reads as zero whatever its place holds, and a write to it neither keeps the flag nor touches the header", async () => {
    const builder = new ImageBuilder({ size: 8 * C }).zero(0).zero(1, true);
    const { backend, model } = await builder.build();
    const head = backend.toBytes(0, 512);
    const image = await openWritable(backend);
    expectBytes(await readAt(image, 0, 2 * C), new Uint8Array(2 * C), "zeros");
    await image.write(10, filled(7, 100));
    await image.write(C + 10, filled(8, 100));
    model.write(10, filled(7, 100));
    model.write(C + 10, filled(8, 100));
    await image.close();
    expectBytes(backend.toBytes(0, 512), head, "the header");
    await expectContents(backend, model);
    await expectClean(backend);
  });

  test("D4: snapshots and bitmaps are no junk: opening, writing, filling and closing leaves them", async () => {
    const builder = new ImageBuilder({ size: 40 * 4096, clusterBits: 12 });
    for (let cluster = 0; cluster < 20; cluster++) builder.data(cluster, filled(cluster + 1, 4096));
    await builder.compressed(20, filled(99, 4096));
    builder.snapshot("1", "one").bitmap("bits", ["data", "ones", "data"]);
    for (let cluster = 0; cluster < 10; cluster++) builder.data(cluster, filled(100 + cluster, 4096));
    builder.snapshot("2", "two");
    const { backend, model } = await builder.build();
    const size = await backend.size();
    await (await openWritable(backend)).close();
    expect(await backend.size()).toBe(size);
    const image = await openWritable(backend);
    await image.discard(0, 40 * 4096);
    await image.flush();
    await image.write(0, filled(0xaa, 40 * 4096));
    model.write(0, filled(0xaa, 40 * 4096));
    await image.close();
    await expectClean(backend);
    await expectContents(backend, model);
    for (const { snapshot, model: kept } of builder.snapshots)
      await expectContents(backend, kept, {}, snapshot.id);
    expect((await readMetadata(backend)).bitmaps).toHaveLength(1);
  });

  test("D5: a backing file shows through, its name stays, and what is encrypted is refused", async () => {
    const backing = MemoryBackend.fromBytes(filled(9, 4 * C));
    const below = new DiskModel(4 * C);
    below.write(0, filled(9, 4 * C));
    const builder = new ImageBuilder({ size: 8 * C, below, backing: { name: "below.raw", format: "raw" } });
    const { backend, model } = await builder.build();
    const image = await openWritable(backend, { backing });
    await image.write(C + 5, filled(1, 10));
    model.write(C + 5, filled(1, 10));
    await image.resize(10 * C);
    await image.close();
    await expectContents(backend, model.clone(10 * C), { backing });
    expect((await readMetadata(backend)).backingFile).toMatchObject({ name: "below.raw", format: "raw" });
    const secret = await new ImageBuilder({ size: C, header: { cryptMethod: 1 } }).build();
    await expect(openWritable(secret.backend)).rejects.toMatchObject({ code: "QCOW2_ENCRYPTED" });
  });

  test("D6: nothing is read or written past the end of the disk", async () => {
    const disk = await fresh({ size: 4 * C + 512 });
    const image = await openWritable(disk);
    const before = disk.toBytes();
    const calls: (() => Promise<void>)[] = [
      () => image.read(4 * C, new Uint8Array(513)),
      () => image.write(4 * C + 512, new Uint8Array(1)),
      () => image.write(2 ** 40, new Uint8Array(1)),
      () => image.write(-1, new Uint8Array(1)),
      () => image.write(0.5, new Uint8Array(1)),
      () => image.write(Number.NaN, new Uint8Array(1)),
      () => image.writeCompressed(8 * C, new Uint8Array(C)),
      () => image.discard(0, 4 * C + 513),
      () => image.discard(Number.MAX_SAFE_INTEGER, 2),
      () => image.writeZeroes(4 * C, 1024),
      () => image.discard(0, -1),
      () => image.resize(-1),
      () => image.resize(1.5),
      () => image.resize(Number.MAX_SAFE_INTEGER),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "QCOW2_OUT_OF_RANGE" });
    expectBytes(disk.toBytes(), before, "the file");
    await image.write(4 * C, filled(1, 512));
    await image.close();
    await expectClean(disk);
  });

  test("D7: zeros that a discard writes to a part of a cluster are not lost to writes beside them", async () => {
    const gate = new Gate();
    const disk = await fresh();
    const first = await openWritable(disk);
    await first.write(0, filled(1, 2 * C));
    await first.close();
    const backend = new CrashingBackend(disk, { hold: gate.hold });
    const image = await openWritable(backend);
    gate.shut("write", "read");
    const all = [
      image.discard(512, 1024),
      image.write(2048, filled(2, 512)),
      image.discard(C - 512, 1024),
      image.writeCompressed(C, filled(3, C)),
      image.write(0, filled(4, 512)),
    ];
    for (let turn = 0; turn < 10; turn++) {
      await settle();
      gate.pass();
    }
    gate.open();
    await Promise.all(all);
    const bytes = await readAt(image, 0, 2 * C);
    expect([0, 512, 1535, 1536, 2048, 2560, C - 512, C - 1].map((at) => bytes[at])).toEqual([
      4, 0, 0, 1, 2, 1, 0, 0,
    ]);
    expect([0, 3]).toContain(bytes[C]);
    expect(bytes[2 * C - 1]).toBe(3);
    await image.close();
    await expectClean(backend.snapshot());
  });

  test("D8: the refcount table grows, over and over, and counts everything", async () => {
    const disk = await fresh({ clusterSize: 512, refcountBits: 64, size: 2 ** 23 });
    const image = await openWritable(disk);
    // A table of one cluster counts 64 * 64 clusters: 2 MiB.
    for (let at = 0; at < 2 ** 23; at += 2 ** 19) {
      await image.write(at, filled(at / 2 ** 19 + 1, 2 ** 19));
      await image.flush();
    }
    await image.close();
    await expectClean(disk);
    const { header } = await readMetadata(disk);
    expect(header.refcountTableClusters).toBeGreaterThan(4);
    const reader = await openReader(disk);
    for (let at = 0; at < 2 ** 23; at += 2 ** 19)
      expect((await readAt(reader, at, 1))[0]).toBe(at / 2 ** 19 + 1);
  });

  test("D9: a buffer is the caller's again once the write resolves, and who waits for a lock is woken", async () => {
    const gate = new Gate();
    const backend = new CrashingBackend(await fresh(), { hold: gate.hold });
    const image = await openWritable(backend);
    const buffer = new Uint8Array(512);
    for (let at = 0; at < 64; at++) {
      await image.write(at * C, buffer.fill(at + 1));
      buffer.fill(0xff);
    }
    gate.shut("write");
    const waiting = Array.from({ length: 20 }, (_, at) => image.write(5 * C, filled(at + 1, 2 * C)));
    await settle();
    gate.open();
    await Promise.all(waiting);
    await image.close();
    const reader = await openReader(backend.snapshot());
    for (const at of [0, 1, 10, 63]) expect((await readAt(reader, at * C, 1))[0]).toBe(at + 1);
  });

  test("D10 S-0.9.5-1: reading, mapping and checking change nothing, whatever the length of the file", async () => {
    const builder = new ImageBuilder({ size: 2 ** 20, trim: true }).data(0, filled(1)).data(5, filled(2));
    const { backend } = await builder.build();
    await backend.resize((await backend.size()) + 77);
    const before = backend.toBytes();
    const recording = new RecordingBackend(backend);
    const reader = await openReader(recording);
    await readAt(reader, 0, 2 ** 20);
    for await (const _ of reader.map());
    await checkImage(recording);
    await reader.close();
    expect(recording.take()).toEqual([]);
    expectBytes(backend.toBytes(), before, "the file");
  });

  test("D11: version 2 stays version 2, through writes, discards, resizing and repairing", async () => {
    const disk = await fresh({ version: 2, clusterSize: 512, size: 2 ** 17 });
    const beyond = disk.toBytes(72, 440);
    const image = await openWritable(disk, {}, { refcounts: "lazy" });
    await image.write(0, filled(1, 2 ** 17));
    await image.discard(0, 2 ** 16);
    await image.resize(2 ** 23);
    await image.close();
    await repairImage(disk, { mode: "all" });
    expectBytes(disk.toBytes(72, 440), beyond, "the bytes behind the header");
    expect((await readMetadata(disk)).header.version).toBe(2);
    await expectClean(disk);
  });

  test("D12: whoever writes lazily says so in the file, whatever the image was made for", async () => {
    const disk = await fresh({ lazyRefcounts: false });
    const image = await openWritable(disk, {}, { refcounts: "lazy" });
    await image.write(0, filled(1));
    await image.discard(C, C);
    await image.flush();
    expect((await readMetadata(disk)).header.incompatibleFeatures & 1n).toBe(1n);
    const crashed = disk.snapshot();
    await image.close();
    expect((await readMetadata(disk)).header.incompatibleFeatures & 1n).toBe(0n);
    await expectClean(disk);
    const again = await openWritable(crashed);
    expectBytes(await readAt(again, 0), filled(1), "what was written");
    await again.close();
    await expectClean(crashed);
  });
});
