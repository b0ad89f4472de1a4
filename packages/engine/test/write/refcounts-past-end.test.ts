import { MemoryBackend } from "@qcow/backend-memory";
import { describe, expect, test } from "vitest";
import { checkImage, createImage, Qcow2Image, readMetadata } from "../../src/index.js";

const CLUSTER = 65536;

/** An image after a crash that kept a refcount block, but not the growth of the file that it counts. */
async function crashed(): Promise<MemoryBackend> {
  const file = new MemoryBackend();
  await createImage(file, { size: 64 * CLUSTER });
  const { header, fileSize } = await readMetadata(file);
  const table = file.toBytes(Number(header.refcountTableOffset), 8);
  const block = Number(new DataView(table.buffer).getBigUint64(0));
  for (const past of [3, 5]) await file.write(block + 2 * (fileSize / CLUSTER + past), Uint8Array.of(0, 1));
  await file.write(72 + 7, Uint8Array.of(1));
  return file;
}

describe("refcounts past the end of a file that was repaired", () => {
  test("leave no leaks behind when the file grows", async () => {
    const file = await crashed();
    const image = await Qcow2Image.open(file);
    await image.write(0, new Uint8Array(20 * CLUSTER).fill(1));
    await image.close();
    expect(await checkImage(file)).toMatchObject({ corruptions: 0, leaks: 0 });
  });
});
