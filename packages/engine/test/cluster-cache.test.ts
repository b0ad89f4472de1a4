// Compressed clusters of which parts are read: how often they are decompressed, and how many are kept.

import { describe, expect, test } from "vitest";
import { Qcow2Reader } from "../src/index.js";
import { ClusterCache } from "../src/read/cluster-cache.js";
import { expectBytes } from "./expect-disk.js";
import { ImageBuilder } from "./image-builder.js";
import { compression } from "./streams.js";

const CLUSTER = 64 * 1024;
const CLUSTERS = 6;

const byteAt = (index: number, at: number) => (at * 7 + index) % 251;
const contentsOf = (index: number) => new Uint8Array(CLUSTER).map((_, at) => byteAt(index, at));

/** An image of compressed clusters, and how many streams were decompressed. */
async function compressedImage(clusterCacheBytes?: number) {
  const builder = new ImageBuilder({ size: CLUSTERS * CLUSTER });
  for (let index = 0; index < CLUSTERS; index++) await builder.compressed(index, contentsOf(index));
  const counts = { streams: 0, broken: false };
  const counting: typeof compression = {
    ...compression,
    decompress: async (...args) => {
      counts.streams += 1;
      if (counts.broken) throw new Error("no");
      return compression.decompress(...args);
    },
  };
  const { backend } = await builder.build();
  return { counts, reader: await Qcow2Reader.open(backend, { compression: counting, clusterCacheBytes }) };
}

async function part(reader: Qcow2Reader, offset: number, length: number): Promise<Uint8Array> {
  const target = new Uint8Array(length);
  await reader.read(offset, target);
  return target;
}

const DISK = Uint8Array.from({ length: CLUSTERS * CLUSTER }, (_, at) =>
  byteAt(Math.floor(at / CLUSTER), at % CLUSTER),
);

const expected = (offset: number, length: number) => DISK.slice(offset, offset + length);

describe("a compressed cluster that is read in parts", () => {
  test("is decompressed once, also by reads at the same time", async () => {
    const { counts, reader } = await compressedImage();
    const offsets = Array.from({ length: 16 }, (_, at) => at * 4096);
    const parts = await Promise.all(offsets.map((offset) => part(reader, offset, 4096)));
    for (const [at, bytes] of parts.entries()) expectBytes(bytes, expected(at * 4096, 4096), "the part");
    expectBytes(await part(reader, 100, 300), expected(100, 300), "the part");
    expectBytes(await part(reader, 0, CLUSTER), expected(0, CLUSTER), "the part");
    expect(counts.streams).toBe(1);
  });

  test("and lies on the way of a longer read is right there", async () => {
    const { counts, reader } = await compressedImage();
    await part(reader, CLUSTER, 512);
    expectBytes(await part(reader, 1000, 2 * CLUSTER), expected(1000, 2 * CLUSTER), "the part");
    // The first cluster, and the third, of which again only a part is wanted.
    expect(counts.streams).toBe(3);
  });

  test("is not kept when it was read whole, or nothing may be kept", async () => {
    const whole = await compressedImage();
    await part(whole.reader, 0, CLUSTER);
    await part(whole.reader, 0, CLUSTER);
    expect(whole.counts.streams).toBe(2);
    const none = await compressedImage(0);
    await part(none.reader, 0, 512);
    expectBytes(await part(none.reader, 0, 512), expected(0, 512), "the part");
    expect(none.counts.streams).toBe(2);
  });

  test("goes when others are used more", async () => {
    const { counts, reader } = await compressedImage(2 * CLUSTER);
    for (const index of [0, 1, 0, 2, 0, 1]) await part(reader, index * CLUSTER, 512);
    expect(counts.streams).toBe(4);
  });

  test("that could not be decompressed is tried again", async () => {
    const { counts, reader } = await compressedImage();
    counts.broken = true;
    await expect(part(reader, 0, 512)).rejects.toThrow("no");
    counts.broken = false;
    expectBytes(await part(reader, 0, 512), expected(0, 512), "the part");
  });

  test("is decompressed to its end although the first who wanted it went away", async () => {
    const { counts, reader } = await compressedImage();
    const gone = new AbortController();
    const first = reader.read(0, new Uint8Array(512), { signal: gone.signal }).catch(() => undefined);
    const second = part(reader, 512, 512);
    gone.abort();
    await first;
    expect(await second).toEqual(expected(512, 512));
    expect(counts.streams).toBeLessThanOrEqual(2);
  });
});

test("the cache never holds more than it may, whatever is asked for", async () => {
  const cache = new ClusterCache(10);
  const contents = (host: number, bytes: number) =>
    cache.contents({ depth: 0, host, hostLength: 1 }, bytes, async () => new Uint8Array(bytes));
  for (const [host, bytes] of [
    [1, 4],
    [2, 4],
    [3, 11],
    [4, 4],
    [1, 4],
  ] as const)
    await contents(host, bytes);
  const held = [1, 2, 3, 4].filter((host) => cache.has({ depth: 0, host, hostLength: 1 }));
  expect(held).toEqual([1, 4]);
});
