// Compressed clusters that share a stream, as no sound image has them.

import { expect, test } from "vitest";
import { Qcow2Reader } from "../src/index.js";
import { ImageBuilder } from "./image-builder.js";
import { compression, deflate } from "./streams.js";

const CLUSTER = 65536;

/** Bytes that do not compress well, so that their stream has many sectors. */
function noise(): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length: CLUSTER }, () => {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    return (state >> 16) & 15;
  });
}

test("two clusters with one stream are decompressed alike", async () => {
  const bytes = noise();
  const image = await new ImageBuilder({ size: 2 ** 20 }).stream(0, await deflate(bytes), bytes).build();
  await image.putU64(image.l2EntryOffset(1), image.getU64(image.l2EntryOffset(0)));
  const reader = await Qcow2Reader.open(image.backend, { compression });
  const both = new Uint8Array(2 * CLUSTER);
  await reader.read(0, both);
  expect(both.subarray(CLUSTER)).toEqual(bytes);
});

test("an entry that says less of its stream is no better off for a neighbour that says all", async () => {
  const bytes = noise();
  const image = await new ImageBuilder({ size: 2 ** 20 }).stream(0, await deflate(bytes), bytes).build();
  const entry = image.getU64(image.l2EntryOffset(0));
  // The sector count lies above bit 54 with clusters of 64 KiB.
  await image.putU64(image.l2EntryOffset(1), entry - (20n << 54n));
  const reader = await Qcow2Reader.open(image.backend, { compression });
  await expect(reader.read(0, new Uint8Array(2 * CLUSTER))).rejects.toMatchObject({
    code: "QCOW2_BAD_COMPRESSED_CLUSTER",
  });
});
