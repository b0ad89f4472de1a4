// Opening for writing: what is refused, what is repaired first, who closes what; and what an observer is told.

import { MemoryBackend } from "@qcow/backend-memory";
import { describe, expect, test } from "vitest";
import { createImage, type Observer, Qcow2Image, readMetadata } from "../../src/index.js";
import { ImageBuilder } from "../image-builder.js";
import { Watched } from "../referenced-files.js";
import { expectClean, openReader, openWritable } from "./open-writable.js";
import { C, filled, fresh, readAt } from "./small-disks.js";

describe("opening for writing", () => {
  test("repairs an image that was not closed, and writes to it", async () => {
    const disk = await fresh({ lazyRefcounts: true });
    const crashed = await openWritable(disk);
    await crashed.write(0, filled(1, 4 * C));
    await crashed.flush();
    const left = disk.snapshot();
    expect((await readMetadata(left)).header.incompatibleFeatures & 1n).toBe(1n);
    const image = await openWritable(left);
    await image.write(2 * C, filled(2, 4 * C));
    await image.close();
    await expectClean(left);
    const reader = await openReader(left);
    expect([(await readAt(reader, 0, 1))[0], (await readAt(reader, 2 * C, 1))[0]]).toEqual([1, 2]);
  });

  test("needs somebody to open an external data file with, and no other than the image itself", async () => {
    const data = new MemoryBackend();
    const disk = new MemoryBackend();
    await createImage(disk, { size: 4 * C, dataFile: { name: "d", backend: data } });
    await expect(Qcow2Image.open(disk)).rejects.toMatchObject({ code: "QCOW2_MISSING_CAPABILITY" });
    const itself = new Watched(disk);
    await expect(Qcow2Image.open(disk, { openDataFile: async () => itself })).rejects.toMatchObject({
      code: "QCOW2_CHAIN_LOOP",
    });
    expect(itself.closes).toBe(1);
  });

  test("closes what it opened when something else cannot be opened", async () => {
    const data = new Watched(new MemoryBackend({ size: 4 * C }));
    const builder = new ImageBuilder({
      size: 4 * C,
      dataFile: "d",
      backing: { name: "missing", format: "raw" },
    });
    const { backend } = await builder.build();
    await expect(Qcow2Image.open(backend, { openDataFile: async () => data })).rejects.toMatchObject({
      code: "QCOW2_MISSING_CAPABILITY",
    });
    expect(data.closes).toBeGreaterThan(0);
    expect(await backend.size()).toBeGreaterThan(0);
  });

  test("writes nothing before the first change", async () => {
    const { backend } = await new ImageBuilder({
      size: 4 * C,
      header: { autoclearFeatures: 0xf00n },
    }).build();
    const before = backend.toBytes();
    const image = await openWritable(backend);
    await image.read(0, new Uint8Array(C));
    expect(Buffer.compare(backend.toBytes(), before)).toBe(0);
    await image.close();
  });
});

describe("an observer", () => {
  test("is told of guest writes, discards, host writes and flushes, and of commits", async () => {
    const told: string[] = [];
    const observer: Observer = {
      guestRead: ({ offset, length }) => void told.push(`read ${offset} ${length}`),
      guestWrite: ({ offset, length }) => void told.push(`write ${offset} ${length}`),
      guestDiscard: ({ offset, length }) => void told.push(`discard ${offset} ${length}`),
      hostWrite: ({ length }) => void told.push(`host write ${length}`),
      hostFlush: () => void told.push("host flush"),
      commit: ({ tables }) => void told.push(`commit ${tables}`),
    };
    const image = await openWritable(await fresh(), {}, { observer });
    await image.write(100, filled(1, 1000));
    await image.writeCompressed(C, filled(2, C));
    await image.writeZeroes(5 * C, C);
    await image.discard(C, C);
    await image.read(0, new Uint8Array(10));
    const hosts = told.filter((event) => event.startsWith("host"));
    expect(hosts.every((event) => event.startsWith("host write"))).toBe(true);
    expect(told.filter((event) => !event.startsWith("host"))).toEqual([
      "write 100 1000",
      `write ${C} ${C}`,
      `discard ${5 * C} ${C}`,
      `discard ${C} ${C}`,
      "read 0 10",
    ]);
    told.length = 0;
    await image.flush();
    expect(told).toEqual(["host flush", "host flush", expect.stringMatching(/^commit [1-9]/)]);
    await image.close();
  });
});
