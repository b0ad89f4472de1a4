// Disks of no bytes, which QEMU writes with an L1 table of no entries at offset 0.

import { describe, expect, test } from "vitest";
import { Qcow2Image } from "../../src/index.js";
import { ImageBuilder } from "../image-builder.js";
import { expectNoCorruption, openReader, openWritable } from "../write/open-writable.js";

describe("a disk of no bytes, whose L1 table has no entries and no place", () => {
  test("grows without losing its header, and takes data", async () => {
    const { backend } = await new ImageBuilder({ size: 0, header: { l1TableOffset: 0n, l1Size: 0 } }).build();
    const image = await openWritable(backend);
    await image.resize(2 ** 20);
    await image.write(512, new Uint8Array(512).fill(4));
    await image.close();
    const reader = await openReader(backend);
    const bytes = new Uint8Array(512);
    await reader.read(512, bytes);
    expect(bytes).toEqual(new Uint8Array(512).fill(4));
    await expectNoCorruption(backend);
  });

  test("is closed as it was opened, and reads and writes nothing", async () => {
    const { backend } = await new ImageBuilder({ size: 0, header: { l1TableOffset: 0n, l1Size: 0 } }).build();
    await using image = await Qcow2Image.open(backend);
    await image.read(0, new Uint8Array(0));
    await image.write(0, new Uint8Array(0));
    await image.discard(0, 0);
    await image.flush();
    await expect(image.write(0, new Uint8Array(1))).rejects.toMatchObject({ code: "QCOW2_OUT_OF_RANGE" });
  });
});
