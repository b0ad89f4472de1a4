// The external data file of an image that is open for writing belongs to the image: it is closed with it, once.

import { MemoryBackend } from "@qcow/backend-memory";
import { type BlockBackend, ForwardingBackend } from "@qcow/block";
import { describe, expect, test } from "vitest";
import { createImage, Qcow2Image } from "../../src/index.js";

const SIZE = 2 ** 20;

class Counted extends ForwardingBackend {
  closed = 0;

  override async close(): Promise<void> {
    this.closed++;
  }
}

async function withDataFile(): Promise<{ disk: BlockBackend; data: Counted }> {
  const data = new Counted(new MemoryBackend({ size: SIZE, identity: "the data file" }));
  const disk = new MemoryBackend();
  await createImage(disk, { size: SIZE, dataFile: { name: "disk.data", backend: data } });
  return { disk, data };
}

describe("the external data file", () => {
  test("is closed with the image when it was only written to", async () => {
    const { disk, data } = await withDataFile();
    const image = await Qcow2Image.open(disk, { openDataFile: async () => data });
    await image.write(0, new Uint8Array(512).fill(1));
    expect(data.closed).toBe(0);
    await image.close();
    expect(data.closed).toBe(1);
  });

  test("is closed with the image when nothing was done, and when it was read", async () => {
    for (const reads of [false, true]) {
      const { disk, data } = await withDataFile();
      const image = await Qcow2Image.open(disk, { openDataFile: async () => data });
      if (reads) await image.read(0, new Uint8Array(512));
      await image.close();
      expect(data.closed).toBe(1);
    }
  });

  test("is one of the files that the image has open", async () => {
    const { disk, data } = await withDataFile();
    await using image = await Qcow2Image.open(disk, { openDataFile: async () => data });
    expect(image.identities).toContain("the data file");
  });
});
