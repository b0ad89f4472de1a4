import { FaultyBackend, MemoryBackend } from "@qcow/backend-memory";
import { expect, test } from "vitest";
import { createImage, Qcow2Image, readMetadata } from "../../src/index.js";

test("a size that reached the header although the write failed is taken back by the next flush", async () => {
  const disk = new MemoryBackend();
  await createImage(disk, { size: 1024 * 1024 });
  const faulty = new FaultyBackend(disk, {
    faults: [{ operation: "write", nth: 1, effect: { kind: "fail-after" } }],
  });
  const image = await Qcow2Image.open(faulty);
  await expect(image.resize(4096, { allowDataLoss: true })).rejects.toThrow("injected fault");
  expect((await readMetadata(disk)).geometry.virtualSize).toBe(4096);
  expect(image.virtualSize).toBe(1024 * 1024);
  await image.flush();
  expect((await readMetadata(disk)).geometry.virtualSize).toBe(1024 * 1024);
  await image.close();
});
