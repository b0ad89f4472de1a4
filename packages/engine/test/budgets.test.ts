// How many accesses things cost. Counts, not times: they are the same on every machine.

import { type BlockBackend, readOnly, withCounting, withTracing } from "@qcow/block";
import { describe, expect, test } from "vitest";
import { checkImage, type Observer, Qcow2Reader, readMetadata } from "../src/index.js";
import { ImageBuilder } from "./image-builder.js";
import { compression } from "./streams.js";

const KIB = 1024;
const MIB = 2 ** 20;

function filled(clusterSize: number, value: number): Uint8Array {
  return new Uint8Array(clusterSize).fill(value);
}

/** Counts what an observer is told. */
function watch() {
  const seen = { hits: 0, misses: 0, metadata: 0, contents: 0, guest: 0 };
  const observer: Observer = {
    guestRead: ({ length }) => {
      seen.guest += length;
    },
    hostRead: ({ purpose }) => void seen[purpose]++,
    cacheLookup: ({ hit }) => void seen[hit ? "hits" : "misses"]++,
  };
  return { seen, observer };
}

describe("reading in a row", () => {
  test("asks a file that is far away for as much as that prefers", async () => {
    const size = 16 * MIB;
    const builder = new ImageBuilder({ size });
    for (let cluster = 0; cluster < size / (64 * KIB); cluster++) builder.data(cluster, filled(64 * KIB, 1));
    const { backend } = await builder.build();
    const far = withCounting(Object.defineProperty(backend, "preferredReadBytes", { value: 8 * MIB - 1 }));
    const reader = await Qcow2Reader.open(far);
    expect(reader.preferredReadBytes).toBe(8 * MIB);
    far.counters.reads = 0;
    let chunks = 0;
    for await (const _ of reader.chunks()) chunks++;
    expect(chunks).toBe(2);
    // The L2 table, and two parts in spans of 2 MiB, which come together.
    expect(far.counters.reads).toBe(9);
  });
});

describe("opening", () => {
  test("a small image takes two reads: the head and the L1 table", async () => {
    const { backend } = await new ImageBuilder({ size: MIB }).data(0, filled(64 * KIB, 1)).build();
    const counted = withCounting(backend);
    await Qcow2Reader.open(counted);
    expect(counted.counters.reads).toBe(2);
    expect(counted.counters.bytesRead).toBeLessThanOrEqual(64 * KIB + 8);
  });

  test("one with snapshots takes one read more", async () => {
    const { backend } = await new ImageBuilder({ size: MIB }).snapshot("1", "a").snapshot("2", "b").build();
    const counted = withCounting(backend);
    await Qcow2Reader.open(counted, { snapshot: "b" });
    expect(counted.counters.reads).toBe(3);
  });

  test("one with clusters of 2 MiB does not read a whole cluster for its head", async () => {
    const { backend } = await new ImageBuilder({ size: 4 * MIB, clusterBits: 21 })
      .data(0, filled(2 * MIB, 1))
      .build();
    const counted = withCounting(backend);
    await readMetadata(counted);
    expect(counted.counters).toMatchObject({ reads: 1, bytesRead: 64 * KIB });
  });

  test("one whose extensions fill more than the first read still finds them all", async () => {
    const data = new Uint8Array(100 * KIB).fill(5);
    const extensions = [{ type: "unknown", magic: 0x1234, data } as const];
    const backing = { name: "far behind", format: "raw" };
    const { backend } = await new ImageBuilder({ size: MIB, clusterBits: 20, extensions, backing }).build();
    const metadata = await readMetadata(backend);
    expect(metadata.extensions[0]).toEqual(extensions[0]);
    expect(metadata.backingFile).toMatchObject({ name: "far behind", format: "raw" });
  });
});

describe("reading", () => {
  test("8 MiB in a row takes one L2 table and four reads of 2 MiB", async () => {
    const builder = new ImageBuilder({ size: 8 * MIB });
    for (let cluster = 0; cluster < 128; cluster++) builder.data(cluster, filled(64 * KIB, cluster));
    const { backend } = await builder.build();
    const { seen, observer } = watch();
    const reader = await Qcow2Reader.open(backend, { observer });
    await reader.read(0, new Uint8Array(8 * MIB));
    expect(seen).toEqual({ hits: 0, misses: 1, metadata: 1, contents: 4, guest: 8 * MIB });
  });

  test("compressed neighbours takes one read for all of them", async () => {
    const builder = new ImageBuilder({ size: MIB });
    for (let cluster = 0; cluster < 16; cluster++)
      await builder.compressed(cluster, filled(64 * KIB, cluster + 1));
    const { backend } = await builder.build();
    const { seen, observer } = watch();
    const reader = await Qcow2Reader.open(backend, { observer, compression });
    await reader.read(0, new Uint8Array(MIB));
    expect(seen.contents).toBe(1);
  });

  test("one compressed cluster that many guest clusters name decompresses it once", async () => {
    const builder = await new ImageBuilder({ size: MIB }).compressed(0, filled(64 * KIB, 7));
    for (let cluster = 1; cluster < 16; cluster++) builder.share(cluster, 0);
    const { backend } = await builder.build();
    let calls = 0;
    const counting = {
      compress: compression.compress.bind(compression),
      decompress: (...args: Parameters<typeof compression.decompress>) => {
        calls++;
        return compression.decompress(...args);
      },
    };
    const reader = await Qcow2Reader.open(backend, { compression: counting });
    const target = new Uint8Array(MIB);
    await reader.read(0, target);
    expect(target.every((byte) => byte === 7)).toBe(true);
    expect(calls).toBe(1);
  });

  test("clusters that lie backwards in the host still takes one read", async () => {
    const builder = new ImageBuilder({ size: MIB });
    for (let cluster = 15; cluster >= 0; cluster--) builder.data(cluster, filled(64 * KIB, cluster + 1));
    const { backend } = await builder.build();
    const { seen, observer } = watch();
    const reader = await Qcow2Reader.open(backend, { observer });
    const target = new Uint8Array(MIB);
    await reader.read(0, target);
    expect([target[0], target[MIB - 1], seen.contents]).toEqual([1, 16, 1]);
  });

  test("zeros and holes takes no data read at all", async () => {
    const { backend } = await new ImageBuilder({ size: MIB }).zero(0, true).zero(1).build();
    const { seen, observer } = watch();
    const reader = await Qcow2Reader.open(backend, { observer });
    const target = filled(MIB, 9);
    await reader.read(0, target);
    expect(target.every((byte) => byte === 0)).toBe(true);
    expect(seen.contents).toBe(0);
  });
});

describe("chunks", () => {
  test.each([
    [16, MIB],
    [21, 2 * MIB],
  ])(
    "of an image with 2^%d bytes in a cluster have %d bytes, and are aligned to that",
    async (clusterBits, length) => {
      const { backend } = await new ImageBuilder({ size: 6 * MIB, clusterBits }).build();
      const reader = await Qcow2Reader.open(backend);
      const lengths: number[] = [];
      for await (const chunk of reader.chunks({ offset: MIB / 2, length: 5 * MIB }))
        lengths.push(chunk.length);
      expect(lengths[0]).toBe(length - MIB / 2);
      expect(lengths[1]).toBe(length);
    },
  );
});

describe("mapping", () => {
  test("an empty disk of a pebibyte reads no L2 table", async () => {
    const { backend } = await new ImageBuilder({ size: 2 ** 50 }).build();
    const counted = withCounting(backend);
    const reader = await Qcow2Reader.open(counted);
    counted.counters.reads = 0;
    const extents = [];
    for await (const extent of reader.map()) extents.push(extent);
    expect(extents).toEqual([
      { start: 0, length: 2 ** 50, depth: 0, present: false, zero: true, data: false, compressed: false },
    ]);
    expect(await reader.seekMapped(5)).toBe(2 ** 50);
    expect(counted.counters.reads).toBe(0);
  });

  test("reads each L2 table once, however many batches it takes", async () => {
    const builder = new ImageBuilder({ size: 32 * MIB, clusterBits: 9 });
    for (let cluster = 0; cluster < 65_536; cluster += 2) builder.data(cluster, filled(512, 1));
    const { backend } = await builder.build();
    const { seen, observer } = watch();
    const reader = await Qcow2Reader.open(backend, { observer });
    let [extents, batches] = [0, 0];
    for await (const batch of reader.mapBatches()) {
      extents += batch.count;
      batches++;
    }
    expect(extents).toBe(65_536);
    expect(batches).toBeGreaterThan(2);
    expect(seen.metadata).toBe(1024);
  });
});

describe("the cache of L2 tables", () => {
  // 512-byte clusters: a table maps 32 KiB of the disk.
  async function build() {
    const builder = new ImageBuilder({ size: 64 * 32 * KIB, clusterBits: 9 });
    for (let table = 0; table < 64; table++) builder.data(table * 64, filled(512, table + 1));
    return await builder.build();
  }
  const readByte = async (reader: Qcow2Reader, table: number): Promise<number | undefined> => {
    const byte = new Uint8Array(1);
    await reader.read(table * 32 * KIB, byte);
    return byte[0];
  };

  test("keeps what fits and forgets what was used least recently", async () => {
    const { seen, observer } = watch();
    const reader = await Qcow2Reader.open((await build()).backend, { observer, metadataCacheBytes: 4 * 512 });
    for (const table of [0, 1, 2, 3, 0, 1, 2, 3]) expect(await readByte(reader, table)).toBe(table + 1);
    expect(seen).toMatchObject({ misses: 4, hits: 4, metadata: 4 });
    // 4 pushes 0 out, 0 pushes 1 out; 3 and 4 stay.
    for (const table of [4, 0, 3, 4]) expect(await readByte(reader, table)).toBe(table + 1);
    expect(seen).toMatchObject({ misses: 6, hits: 6, metadata: 6 });
  });

  test("keeps one table however little it may have", async () => {
    const { seen, observer } = watch();
    const reader = await Qcow2Reader.open((await build()).backend, { observer, metadataCacheBytes: 0 });
    for (const table of [5, 5, 6, 6, 5]) await readByte(reader, table);
    expect(seen).toMatchObject({ misses: 3, hits: 2 });
    const target = new Uint8Array(64 * 32 * KIB);
    await reader.read(0, target);
    expect(target[63 * 32 * KIB]).toBe(64);
  });

  test("reads a table once for all who miss it at the same time", async () => {
    const { seen, observer } = watch();
    const reader = await Qcow2Reader.open((await build()).backend, { observer });
    await Promise.all(Array.from({ length: 20 }, () => readByte(reader, 9)));
    expect(seen).toMatchObject({ misses: 20, metadata: 1 });
  });
});

describe("a check", () => {
  test("reads each L2 table once even when 40 snapshots share it, and writes nothing", async () => {
    const builder = new ImageBuilder({ size: 64 * 32 * KIB, clusterBits: 9 });
    for (let table = 0; table < 64; table++) builder.data(table * 64, filled(512, table + 1));
    for (let snapshot = 1; snapshot <= 40; snapshot++) builder.snapshot(String(snapshot), `s${snapshot}`);
    const { backend } = await builder.build();
    const before = backend.toBytes();
    const counted = withCounting(backend as BlockBackend);
    const report = await checkImage(counted);
    expect(report).toMatchObject({ leaks: 0, corruptions: 0, attempts: 1, fileChanging: false });
    const { bytesRead, writes, resizes, flushes, discards } = counted.counters;
    expect({ writes, resizes, flushes, discards }).toEqual({
      writes: 0,
      resizes: 0,
      flushes: 0,
      discards: 0,
    });
    // The whole file is less than 64 KiB of head and the tables; shared tables come once.
    expect(bytesRead).toBeLessThan(2 * before.length);
    expect(Buffer.compare(backend.toBytes(), before)).toBe(0);
  });

  test("reads no contents: 64 tables of neighbours in a row are one read", async () => {
    const builder = new ImageBuilder({ size: 64 * 32 * KIB, clusterBits: 9 });
    for (let table = 0; table < 64; table++) builder.data(table * 64, filled(512, table + 1));
    const { backend } = await builder.build();
    const counted = withCounting(backend);
    const progress: { done: number; total: number }[] = [];
    await checkImage(counted, { onProgress: (at) => progress.push(at) });
    expect(counted.counters.reads).toBeLessThanOrEqual(6);
    expect(progress.at(-1)).toEqual({ done: 64, total: 64 });
  });

  test("of an image without tables says at once that it is done", async () => {
    const { backend } = await new ImageBuilder({ size: MIB }).build();
    const progress: { done: number; total: number }[] = [];
    await checkImage(backend, { onProgress: (at) => progress.push(at) });
    expect(progress).toEqual([{ done: 0, total: 0 }]);
  });

  test("keeps as many findings as it is told to, and counts all", async () => {
    const image = await new ImageBuilder({ size: MIB }).build();
    const { clusterSize } = image.geometry;
    await image.backend.resize((await image.backend.size()) + 100 * clusterSize);
    for (let cluster = 20; cluster < 40; cluster++) await image.setRefcount(cluster, 1n);
    const report = await checkImage(image.backend, { findingsMax: 3 });
    expect(report).toMatchObject({ leaks: 20, findingsOmitted: 17 });
    expect(report.findings).toHaveLength(3);
  });
});

describe("reads under way at once", () => {
  // 64 tables and 64 clusters of 512 bytes, none of them next to another.
  async function build() {
    let gap = 0;
    const builder = new ImageBuilder({ size: 64 * 32 * KIB, clusterBits: 9, gap: () => gap });
    gap = 40;
    for (let table = 0; table < 64; table++) builder.data(table * 64, filled(512, table + 1));
    return await builder.build();
  }

  test("are sixteen at most of a check, eight of a read, and more than one", async () => {
    const { backend } = await build();
    let [running, most] = [0, 0];
    const traced = withTracing(readOnly(backend), ({ operation, phase }) => {
      if (operation !== "read") return;
      running += phase === "start" ? 1 : -1;
      most = Math.max(most, running);
    });
    const mostOf = async (work: () => Promise<unknown>): Promise<number> => {
      most = 0;
      await work();
      return most;
    };
    expect(await mostOf(() => checkImage(traced))).toBe(16);
    const reader = await Qcow2Reader.open(traced);
    expect(await mostOf(() => reader.read(0, new Uint8Array(reader.virtualSize)))).toBeLessThanOrEqual(17);
    expect(await mostOf(() => reader.read(0, new Uint8Array(reader.virtualSize)))).toBe(8);
  });

  test("of a small read are of nothing but what it needs", async () => {
    const { backend } = await build();
    const { seen, observer } = watch();
    const reader = await Qcow2Reader.open(backend, { observer });
    await reader.read(0, new Uint8Array(32 * KIB));
    expect(seen).toMatchObject({ metadata: 1, contents: 1 });
    await reader.read(33 * KIB, new Uint8Array(10));
    expect(seen).toMatchObject({ metadata: 2, contents: 1 });
  });
});
