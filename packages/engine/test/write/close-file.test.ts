import { MemoryBackend } from "@qcow/backend-memory";
import { describe, expect, it } from "vitest";
import { checkImage, createImage, Qcow2Image, readMetadata } from "../../src/index.js";

const CLUSTER = 65536;

async function twoClusters(): Promise<MemoryBackend> {
  const file = new MemoryBackend();
  await createImage(file, { size: 10 * CLUSTER, lazyRefcounts: false });
  const image = await Qcow2Image.open(file);
  await image.write(0, new Uint8Array(2 * CLUSTER).fill(1));
  await image.close();
  return file;
}

async function openAndClose(file: MemoryBackend): Promise<void> {
  await (await Qcow2Image.open(file)).close();
}

describe("the file when an image is closed", () => {
  it("ends with the last cluster in use, whatever junk was behind it (S-0.9.1-5)", async () => {
    const file = await twoClusters();
    const length = await file.size();
    await file.write(length, new Uint8Array(5 * CLUSTER + 100).fill(0xee));
    await openAndClose(file);
    expect(await file.size()).toBe(length);
    expect(await checkImage(file)).toMatchObject({ corruptions: 0, leaks: 0 });
  });

  it("is cut when its last clusters were discarded", async () => {
    const file = await twoClusters();
    const length = await file.size();
    const image = await Qcow2Image.open(file);
    await image.discard(CLUSTER, CLUSTER);
    await image.close();
    expect(await file.size()).toBe(length - CLUSTER);
  });

  it("keeps a cluster whose refcount is wrongly 0, for a repair to save", async () => {
    const file = await twoClusters();
    const length = await file.size();
    const { header } = await readMetadata(file);
    const table = file.toBytes(Number(header.refcountTableOffset), 8);
    const block = Number(new DataView(table.buffer).getBigUint64(0));
    await file.write(block + 2 * (length / CLUSTER - 1), new Uint8Array(2));
    await openAndClose(file);
    expect(await file.size()).toBe(length);
  });
});
