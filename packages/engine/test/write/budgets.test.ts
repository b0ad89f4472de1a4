// How many accesses writing costs. Counts, not times: they are the same on every machine.

import { MemoryBackend } from "@qcow/backend-memory";
import { type AccessCounters, newCounters, withCounting } from "@qcow/block";
import { describe, expect, test } from "vitest";
import { type CreateOptions, createImage, type OpenImageOptions } from "../../src/index.js";
import { ImageBuilder } from "../image-builder.js";
import { openWritable } from "./open-writable.js";
import { RecordingBackend } from "./recording-backend.js";

const KIB = 1024;
const MIB = 2 ** 20;

async function make(create: Partial<CreateOptions> = {}, options: OpenImageOptions = {}) {
  const disk = new MemoryBackend();
  await createImage(disk, { size: 2 ** 30, lazyRefcounts: false, ...create });
  const backend = withCounting(disk);
  const image = await openWritable(backend, {}, options);
  Object.assign(backend.counters, newCounters());
  /** What was counted since the last time. */
  const count = (): AccessCounters => {
    const counted = { ...backend.counters };
    Object.assign(backend.counters, newCounters());
    return counted;
  };
  return { disk, image, count };
}

function filled(length: number): Uint8Array {
  return new Uint8Array(length).fill(7);
}

describe("a guest's flush costs", () => {
  test("nothing when nothing was written", async () => {
    const { image, count } = await make();
    // What others wrote to the file before may not be durable.
    await image.flush();
    expect(count()).toEqual({ ...newCounters(), flushes: 1 });
    await image.flush();
    expect(count()).toEqual(newCounters());
  });

  test("one flush after overwriting in place", async () => {
    const { image, count } = await make();
    await image.write(0, filled(MIB));
    await image.flush();
    count();
    for (let at = 0; at < MIB; at += 4 * KIB) await image.write(at, filled(4 * KIB));
    await image.flush();
    expect(count()).toMatchObject({ writes: 256, flushes: 1, reads: 0 });
  });

  test("two flushes with new mappings, three with new refcount blocks", async () => {
    const { image, count } = await make({ clusterSize: 512 });
    await image.write(0, filled(4 * KIB));
    await image.flush();
    expect(count()).toMatchObject({ flushes: 2 });
    await image.write(4 * KIB, filled(256 * KIB));
    await image.flush();
    expect(count()).toMatchObject({ flushes: 3 });
  });

  test("two flushes with lazy refcounts, also where refcount blocks are new", async () => {
    const { image, count } = await make({ clusterSize: 512, lazyRefcounts: true });
    await image.write(0, filled(256 * KIB));
    await image.flush();
    expect(count()).toMatchObject({ flushes: 2 });
  });

  test("no more for a thousand writes than for one (S-0.4.1-1)", async () => {
    const { image, count } = await make();
    for (let at = 0; at < 1000; at++) await image.write(at * 128 * KIB, filled(512));
    expect(count()).toMatchObject({ flushes: 0 });
    await image.flush();
    const { flushes, writes } = count();
    expect(flushes).toBe(2);
    expect(writes).toBeLessThan(10);
  });
});

describe("opening and closing costs", () => {
  test("no write and no flush when nothing was changed (D10)", async () => {
    const disk = new MemoryBackend();
    await createImage(disk, { size: 2 ** 30 });
    const backend = withCounting(disk);
    const image = await openWritable(backend);
    await image.read(0, new Uint8Array(MIB));
    await image.close();
    expect(backend.counters).toMatchObject({ writes: 0, flushes: 0, resizes: 0 });
  });

  test("at most five flushes after any number of writes with lazy refcounts", async () => {
    const { image, count } = await make({ lazyRefcounts: true });
    for (let at = 0; at < 100; at++) await image.write(at * MIB, filled(64 * KIB));
    await image.close();
    expect(count().flushes).toBeLessThanOrEqual(5);
  });
});

describe("a write costs", () => {
  test("one write for 1 MiB in a row into a new image, from the caller's buffer", async () => {
    const { image, count } = await make();
    await image.write(0, filled(MIB));
    expect(count()).toMatchObject({ writes: 1, bytesWritten: MIB, flushes: 0 });
  });

  test("one write for 4 KiB in place", async () => {
    const { image, count } = await make();
    await image.write(0, filled(MIB));
    count();
    await image.write(8 * KIB, filled(4 * KIB));
    expect(count()).toMatchObject({ writes: 1, bytesWritten: 4 * KIB, reads: 0 });
  });

  test("one write of as many bytes for a part of a cluster where the file was never used", async () => {
    const { image, count } = await make();
    await image.write(8 * KIB, filled(4 * KIB));
    // The read is of the refcount block, once.
    expect(count()).toMatchObject({ writes: 1, bytesWritten: 4 * KIB, reads: 1 });
    await image.write(MIB + 8 * KIB, filled(4 * KIB));
    expect(count()).toMatchObject({ writes: 1, bytesWritten: 4 * KIB, reads: 0 });
  });

  test("one write of a cluster for a part of one whose place was used before (S-0.9.1-4)", async () => {
    const { image, count } = await make();
    await image.write(0, filled(64 * KIB));
    await image.discard(0, 64 * KIB);
    await image.flush();
    await image.flush();
    count();
    await image.write(MIB + 8 * KIB, filled(4 * KIB));
    expect(count()).toMatchObject({ writes: 1, bytesWritten: 64 * KIB, reads: 0 });
  });

  test("two reads and one write for a part of a cluster that a backing file has", async () => {
    const below = new MemoryBackend({ size: MIB });
    await below.write(0, filled(MIB));
    const counted = withCounting(below);
    const { backend } = await new ImageBuilder({
      size: MIB,
      backing: { name: "below", format: "raw" },
    }).build();
    const top = withCounting(backend);
    const image = await openWritable(top, { backing: counted });
    Object.assign(counted.counters, newCounters());
    Object.assign(top.counters, newCounters());
    await image.write(8 * KIB, filled(4 * KIB));
    expect(counted.counters).toMatchObject({ reads: 2, bytesRead: 60 * KIB });
    expect(top.counters).toMatchObject({ writes: 1, bytesWritten: 64 * KIB });
  });

  test("one write for compressed clusters, packed, however many", async () => {
    const { image, count } = await make();
    await image.writeCompressed(0, filled(MIB));
    const { writes, bytesWritten } = count();
    expect(writes).toBe(1);
    expect(bytesWritten).toBeLessThan(16 * KIB);
  });

  test("one read of its L2 table, once (S-0.1-2)", async () => {
    const { image, disk } = await make();
    for (let at = 0; at < 4; at++) await image.write(at * MIB, filled(64 * KIB));
    await image.close();
    const backend = withCounting(disk);
    const again = await openWritable(backend);
    Object.assign(backend.counters, newCounters());
    for (let at = 0; at < 4; at++) await again.write(at * MIB, filled(64 * KIB));
    expect(backend.counters).toMatchObject({ reads: 1, writes: 4 });
  });
});

describe("a discard costs (S-0.9.2-3)", () => {
  test("one write of each L2 table, and two flushes, however long it is", async () => {
    const tables = 16;
    const bytesPerL2 = 64 * KIB * 64;
    const { disk } = await make({ clusterSize: 4 * KIB, size: 2 * tables * bytesPerL2 });
    const filling = await openWritable(disk);
    for (let at = 0; at < tables; at++) await filling.write(at * 2 * MIB, filled(MIB));
    await filling.close();
    const recording = new RecordingBackend(disk);
    const image = await openWritable(recording, {}, { punchHoles: false });
    await image.flush();
    recording.take();
    await image.discard(0, image.virtualSize);
    expect(recording.take()).toEqual([]);
    await image.flush();
    const log = recording.take();
    expect(log.filter(({ kind }) => kind === "flush")).toHaveLength(1);
    const places = log.filter(({ kind }) => kind === "write").map(({ offset }) => offset);
    expect(places.length).toBeLessThanOrEqual(tables);
    expect(new Set(places).size).toBe(places.length);
  });

  test("nothing where nothing is, and reads no table that is not there", async () => {
    const { image, count } = await make({ size: 2 ** 45 });
    await image.flush();
    count();
    await image.discard(0, 2 ** 45);
    await image.flush();
    expect(count()).toEqual(newCounters());
  });

  test("one hole for clusters that follow each other", async () => {
    const { image, count } = await make();
    await image.write(0, filled(8 * MIB));
    await image.flush();
    await image.discard(0, 8 * MIB);
    await image.flush();
    await image.flush();
    expect(count()).toMatchObject({ discards: 1, bytesDiscarded: 8 * MIB });
  });
});
