// What qcow-tool's changelog promises of streams, in its own order (docs/checklist.md).

import { MemoryBackend } from "@qcow/backend-memory";
import { expect, test } from "vitest";
import { createImage, decodeStream, Qcow2Image } from "../../src/index.js";
import { compression } from "../streams.js";
import { inChunks, placed } from "./streamed.js";

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const TIB = 2 ** 40;

/** An image of a disk of `size` bytes with a sector of its offset's last byte at each of `offsets`. */
async function written(size: number, offsets: readonly number[] = []): Promise<Uint8Array> {
  const file = new MemoryBackend({ label: "image" });
  await createImage(file, { size });
  const image = await Qcow2Image.open(file, { compression });
  for (const [index, offset] of offsets.entries())
    await image.write(offset, new Uint8Array(512).fill(index + 1));
  await image.close();
  return file.toBytes();
}

test("S-0.12.2-3: an image without data clusters is a stream of zeros, a disk of no bytes one of none", async () => {
  const { disk } = await placed(await written(MIB));
  expect(Buffer.compare(disk, new Uint8Array(MIB))).toBe(0);
  expect((await placed(await written(0))).disk).toHaveLength(0);
});

test("S-0.12.3-1: clusters that are skipped are read all the same, however the stream is cut", async () => {
  const image = await written(16 * MIB, [3 * MIB, MIB, 2 * MIB]);
  const file = new MemoryBackend({ label: "image" });
  await file.write(0, image);
  const opened = await Qcow2Image.open(file, { compression });
  // The cluster in the middle is free now, and lies before one that is not.
  await opened.discard(MIB, 65536);
  await opened.close();
  const expected = new Uint8Array(16 * MIB);
  expected.fill(1, 3 * MIB, 3 * MIB + 512).fill(3, 2 * MIB, 2 * MIB + 512);
  for (const chunkBytes of [1000, 65535, 65536, MIB]) {
    const { disk } = await placed(file.toBytes(), { chunkBytes });
    expect(Buffer.compare(disk, expected)).toBe(0);
  }
});

test("S-0.13.0-1: memory is for tables that there are, not for the size of the disk", async () => {
  const image = await written(64 * TIB, [0, 32 * TIB, 64 * TIB - 512]);
  const target = new MemoryBackend({ label: "target" });
  const { keptBytes } = await decodeStream(inChunks(image), target, { compression, memoryBytes: MIB });
  // Beside a few tables, nothing had to wait.
  expect(keptBytes).toBeLessThan(MIB);
});

test("S-0.14.0-1: a disk whose L1 table takes several clusters has everything at its place", async () => {
  const offsets = [0, 4 * TIB - 512, 4 * TIB, 5 * TIB + GIB, 9 * TIB - 512];
  const target = new MemoryBackend({ label: "target" });
  const image = await written(9 * TIB, offsets);
  const { virtualSize } = await decodeStream(inChunks(image), target, { compression });
  expect([virtualSize, await target.size()]).toEqual([9 * TIB, 9 * TIB]);
  for (const [index, offset] of offsets.entries()) {
    const sector = new Uint8Array(512);
    await target.read(offset, sector);
    expect(sector).toEqual(new Uint8Array(512).fill(index + 1));
  }
});
