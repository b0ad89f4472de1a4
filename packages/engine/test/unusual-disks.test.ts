// Disks of no bytes, at their very end, of snapshots: what is allowed, though rare.

import { describe, expect, test } from "vitest";
import { checkImage, Qcow2Reader, readMetadata } from "../src/index.js";
import { ImageBuilder } from "./image-builder.js";

const CLUSTER = 65536;
const ones = new Uint8Array(CLUSTER).fill(1);

describe("an unusual disk", () => {
  test("reads no bytes at its end, and nothing beyond", async () => {
    const reader = await Qcow2Reader.open((await new ImageBuilder({ size: 2 ** 20 }).build()).backend);
    await reader.read(2 ** 20, new Uint8Array(0));
    expect(await reader.seekMapped(2 ** 20)).toBe(2 ** 20);
    await expect(reader.seekMapped(2 ** 20 + 1)).rejects.toMatchObject({ code: "QCOW2_OUT_OF_RANGE" });
    expect(() => reader.map({ offset: 1, length: 2 ** 20 }).next()).rejects.toMatchObject({
      code: "QCOW2_OUT_OF_RANGE",
    });
  });

  test("of no bytes has no extents and no chunks", async () => {
    const reader = await Qcow2Reader.open((await new ImageBuilder({ size: 0 }).build()).backend);
    for await (const _ of reader.map()) expect.fail("there is nothing");
    for await (const _ of reader.readable()) expect.fail("there is nothing");
    expect(await reader.seekUnmapped(0)).toBe(0);
  });

  test("has a snapshot table that ends with its file, to the byte", async () => {
    const builder = new ImageBuilder({ size: 2 ** 20, clusterBits: 9 }).snapshot("1", "n".repeat(455));
    const image = await builder.build();
    const end = await image.backend.size();
    await image.backend.write(end, image.backend.toBytes(image.snapshotsOffset, 512));
    await image.putU64(64, BigInt(end));
    const { snapshots, snapshotTableLength } = await readMetadata(image.backend);
    expect(snapshots.map(({ name }) => name.length)).toEqual([455]);
    expect(snapshotTableLength).toBe(512);
    await image.backend.resize(end);
    await expect(readMetadata(image.backend)).rejects.toMatchObject({ code: "QCOW2_TRUNCATED" });
  });

  test("whose L1 table has lost its tail of zeros to the end of the file is whole", async () => {
    const builder = new ImageBuilder({ size: 64 * 32_768, clusterBits: 9 }).data(0, ones.subarray(0, 512));
    const image = await builder.build();
    const end = await image.backend.size();
    await image.backend.write(end, image.backend.toBytes(image.l1Offset, 8));
    await image.putU64(40, BigInt(end));
    const reader = await Qcow2Reader.open(image.backend);
    const target = new Uint8Array(reader.virtualSize).fill(9);
    await reader.read(0, target);
    expect(Buffer.compare(target, builder.model.bytes())).toBe(0);
    const report = await checkImage(image.backend);
    expect(report).toMatchObject({ allocatedClusters: 1, leaks: 1, corruptions: 1 });
  });

  test("of a snapshot has the snapshot's size, by id before name", async () => {
    const builder = new ImageBuilder({ size: 2 ** 20 }).data(0, ones);
    builder
      .snapshot("1", "2", { diskSize: 65_536n + 700n })
      .data(0, new Uint8Array(CLUSTER).fill(2))
      .snapshot("2", "x");
    const image = await builder.build();
    const named = await Qcow2Reader.open(image.backend, { snapshot: "x" });
    const byId = await Qcow2Reader.open(image.backend, { snapshot: "2" });
    const first = await Qcow2Reader.open(image.backend, { snapshot: "1" });
    expect([named.virtualSize, byId.virtualSize, first.virtualSize]).toEqual([2 ** 20, 2 ** 20, 66_048]);
    const byte = new Uint8Array(1);
    await byId.read(0, byte);
    expect(byte[0]).toBe(2);
    await first.read(0, byte);
    expect(byte[0]).toBe(1);
  });
});
