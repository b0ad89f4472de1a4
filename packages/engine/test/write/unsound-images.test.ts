// Images whose tables make no sense: writing to them is refused, or at least makes nothing worse. D3: no data goes
// where metadata lies.

import { describe, expect, test } from "vitest";
import { checkImage, readMetadata } from "../../src/index.js";
import type { BuiltImage } from "../built-image.js";
import { expectBytes } from "../expect-disk.js";
import { ImageBuilder, type ImageOptions } from "../image-builder.js";
import { expectNoCorruption, openWritable } from "./open-writable.js";

const CLUSTER = 4096;
const COPIED = 1n << 63n;

function filled(value: number): Uint8Array {
  return new Uint8Array(CLUSTER).fill(value);
}

async function build(options: Partial<ImageOptions> = {}, clusters = 20): Promise<BuiltImage> {
  const builder = new ImageBuilder({ size: 2 ** 20, clusterBits: 12, ...options });
  for (let cluster = 0; cluster < clusters; cluster++) builder.data(cluster, filled(cluster + 1));
  return await builder.build();
}

describe("an L2 entry that is not aligned to clusters", () => {
  test("gives up nothing when it is discarded: the refcounts of its neighbours stay right", async () => {
    const image = await build();
    await image.edit(image.l2EntryOffset(3), (entry) => entry + 512n);
    const disk = await openWritable(image.backend);
    await disk.discard(0, 20 * CLUSTER);
    await disk.flush();
    await disk.flush();
    await disk.write(2 ** 19, new Uint8Array(8 * CLUSTER).fill(9));
    await disk.close();
    await expectNoCorruption(image.backend);
    expect((await checkImage(image.backend)).leaks).toBe(1);
  });

  test("is not written to", async () => {
    const image = await build();
    await image.edit(image.l2EntryOffset(3), (entry) => entry + 512n);
    const disk = await openWritable(image.backend);
    const error = { code: "QCOW2_UNALIGNED_OFFSET", offset: 3 * CLUSTER };
    await expect(disk.write(2 * CLUSTER, new Uint8Array(3 * CLUSTER))).rejects.toMatchObject(error);
    await disk.close();
    expectBytes(image.backend.toBytes(image.hostOf(2) * CLUSTER, CLUSTER), filled(3), "its neighbour");
  });

  test("is replaced by a compressed cluster without harm to others", async () => {
    const image = await build();
    await image.edit(image.l2EntryOffset(3), (entry) => entry + 512n);
    const disk = await openWritable(image.backend);
    await disk.writeCompressed(3 * CLUSTER, filled(77));
    await disk.close();
    await expectNoCorruption(image.backend);
  });
});

describe("an L2 entry that names metadata as its data (D3)", () => {
  const places: [string, (image: BuiltImage) => number][] = [
    ["the L1 table", ({ l1Offset }) => l1Offset],
    ["the refcount table", ({ refcountTableOffset }) => refcountTableOffset],
    ["a refcount block", ({ refcountBlocks }) => refcountBlocks.get(0) as number],
    ["the L2 table itself", ({ l2Offsets }) => l2Offsets.get(0) as number],
  ];
  test.each(places)("is not written through: %s", async (_, placeOf) => {
    const image = await build();
    await image.putU64(image.l2EntryOffset(5), COPIED | BigInt(placeOf(image)));
    const before = image.backend.toBytes(placeOf(image), CLUSTER);
    const disk = await openWritable(image.backend);
    await expect(disk.write(5 * CLUSTER, filled(0xee))).rejects.toMatchObject({ code: "QCOW2_CORRUPT" });
    await disk.flush();
    expectBytes(image.backend.toBytes(placeOf(image), CLUSTER), before, "the metadata");
  });
});

describe("an image whose tables lie in each other", () => {
  const refused = { code: "QCOW2_CORRUPT" };

  test.each<[string, (image: BuiltImage) => Promise<void>]>([
    [
      "the L2 table in the L1 table",
      (image) => image.putU64(image.l1Offset, COPIED | BigInt(image.l1Offset)),
    ],
    [
      "the L2 table in a refcount block",
      (image) => image.putU64(image.l1Offset, COPIED | BigInt(image.refcountBlocks.get(0) as number)),
    ],
    [
      "a refcount block in the refcount table",
      (image) => image.putU64(image.refcountTableOffset, BigInt(image.refcountTableOffset)),
    ],
    ["the L1 table in the refcount table", (image) => image.putU64(40, BigInt(image.refcountTableOffset))],
    ["a table in the header", (image) => image.putU64(48, 0n)],
  ])("is not opened for writing: %s", async (_, damage) => {
    const image = await build();
    await damage(image);
    const before = image.backend.toBytes();
    await expect(openWritable(image.backend)).rejects.toThrow();
    expectBytes(image.backend.toBytes(), before, "the file");
  });

  test("is not opened for writing: two L1 entries with one L2 table", async () => {
    const image = await build({ size: 2 ** 22 }, 600);
    await image.putU64(image.l1Offset + 8, image.getU64(image.l1Offset));
    await expect(openWritable(image.backend)).rejects.toMatchObject(refused);
  });

  test("is not opened for writing: an L1 entry past the end of the disk that growing would bring into use", async () => {
    const image = await build({ l1Size: 10 });
    await image.putU64(image.l1Offset + 16, COPIED | BigInt(2 * CLUSTER + 512));
    await expect(openWritable(image.backend)).rejects.toMatchObject(refused);
    await image.putU64(image.l1Offset + 16, COPIED | (2n ** 40n));
    await expect(openWritable(image.backend)).rejects.toMatchObject(refused);
  });
});

describe("an extended L2 entry with allocated subclusters and no place", () => {
  test("is not written to: what it would show was never written", async () => {
    const builder = new ImageBuilder({ size: 2 ** 20, clusterBits: 14, extendedL2: true });
    builder.data(0, new Uint8Array(2 ** 14).fill(1));
    const image = await builder.build();
    await image.putU64(image.l2EntryOffset(1), 0n);
    await image.putU64(image.l2EntryOffset(1) + 8, 0xffff_ffffn);
    const disk = await openWritable(image.backend);
    await expect(disk.write(2 ** 14, new Uint8Array(512))).rejects.toMatchObject({
      code: "QCOW2_INVALID_ENTRY",
    });
    await disk.discard(2 ** 14, 2 ** 14);
    await disk.write(2 ** 14, new Uint8Array(512).fill(7));
    await disk.close();
    await expectNoCorruption(image.backend);
  });
});

describe("a snapshot that claims a table of 32 GiB", () => {
  test("costs no time and no memory when the image is opened for writing", async () => {
    const builder = new ImageBuilder({ size: 2 ** 20, clusterBits: 9 });
    builder.data(0, new Uint8Array(512).fill(1)).snapshot("1", "claims much");
    const image = await builder.build();
    // l1_size is 8 bytes into the entry.
    await image.putU32(image.snapshotsOffset + 8, 0xffff_ffff);
    expect((await readMetadata(image.backend)).snapshots[0]?.l1Size).toBe(0xffff_ffff);
    // Other metadata may lie behind the table's start, which then is no image to write to.
    await openWritable(image.backend).then(
      (disk) => disk.close(),
      (error: unknown) => expect(error).toMatchObject({ code: "QCOW2_CORRUPT" }),
    );
  });
});
