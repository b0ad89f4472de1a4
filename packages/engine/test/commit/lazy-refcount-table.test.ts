// Lazy refcounts and a refcount table that grows: the header keeps naming the old table until the new one is durable.

import { CrashingBackend, MemoryBackend } from "@qcow/backend-memory";
import type { ReadableBlockBackend } from "@qcow/block";
import { describe, expect, test } from "vitest";
import { createImage, readMetadata } from "../../src/index.js";
import { openWritable } from "../write/open-writable.js";

const CLUSTER = 512;
/** Bytes of a file that a refcount table of one cluster counts: 64 blocks of 64 clusters. */
const COUNTED_BY_ONE_CLUSTER = 64 * 64 * CLUSTER;

/** Where the header says that the refcount table is, and what lies there. */
async function refcountTable(backend: ReadableBlockBackend) {
  const { header } = await readMetadata(backend);
  const bytes = new Uint8Array(header.refcountTableClusters * CLUSTER);
  await backend.read(Number(header.refcountTableOffset), bytes);
  return { offset: header.refcountTableOffset, bytes };
}

describe("with lazy refcounts", () => {
  test("the refcount table that the header names is not used for anything else when a larger one takes its place", async () => {
    const disk = new MemoryBackend();
    await createImage(disk, {
      size: 2.5 * COUNTED_BY_ONE_CLUSTER,
      clusterSize: CLUSTER,
      refcountBits: 64,
      lazyRefcounts: true,
    });
    const chunk = new Uint8Array(2 ** 18).fill(0x11);
    const first = await openWritable(disk);
    // The table leaves its place behind the header.
    for (let at = 0; at < 1.2 * COUNTED_BY_ONE_CLUSTER; at += chunk.length) await first.write(at, chunk);
    await first.close();
    const before = await refcountTable(disk);
    const backend = new CrashingBackend(disk);
    const image = await openWritable(backend);
    for (let at = 0; at < image.virtualSize; at += chunk.length) {
      await image.write(at, chunk);
      await image.flush();
      const now = await refcountTable(backend.snapshot());
      if (now.offset === before.offset) expect(now.bytes).toEqual(before.bytes);
    }
    await image.close();
    expect((await refcountTable(backend)).offset).not.toBe(before.offset);
  });
});
