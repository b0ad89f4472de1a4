// Images made to cost time or memory, or to hide damage. Bounds are counted in bytes and reads, not in time.

import { withCounting } from "@qcow/block";
import { encodeSnapshotTable, type Snapshot } from "@qcow/format";
import { describe, expect, test } from "vitest";
import { checkImage, Qcow2Reader, readMetadata } from "../src/index.js";
import { ImageBuilder } from "./image-builder.js";

const MIB = 2 ** 20;

function onePage(value: number): Uint8Array {
  return new Uint8Array(512).fill(value);
}

describe("a file of enormous length", () => {
  test("is checked in memory that follows what it uses: 64 TiB in a megabyte", async () => {
    const image = await new ImageBuilder({ size: 2 ** 40 })
      .data(0, onePage(1))
      .data(9_000_000, onePage(2))
      .build();
    await image.backend.resize(2 ** 46);
    const report = await checkImage(image.backend, { memoryBytesMax: MIB });
    expect(report).toMatchObject({ leaks: 0, corruptions: 0, checkErrors: 0, allocatedClusters: 2 });
    expect(report.freeHostClusters).toBe(2 ** 30 - image.references.size);
  });

  test("is refused before anything is allocated when it has too many clusters", async () => {
    const image = await new ImageBuilder({ size: 512, clusterBits: 9 }).build();
    await image.backend.resize(2 ** 52);
    await expect(checkImage(image.backend)).rejects.toMatchObject({ code: "QCOW2_CHECK_TOO_LARGE" });
  });

  test("is refused when counting its clusters takes more memory than is allowed", async () => {
    const builder = new ImageBuilder({ size: 2 ** 30, clusterBits: 9, refcountOrder: 6, gap: () => 8192 });
    for (let cluster = 0; cluster < 16; cluster++) builder.data(cluster, onePage(1));
    const image = await builder.build();
    await expect(checkImage(image.backend, { memoryBytesMax: MIB / 4 })).rejects.toMatchObject({
      code: "QCOW2_CHECK_TOO_LARGE",
    });
    expect(await checkImage(image.backend, { memoryBytesMax: 16 * MIB })).toMatchObject({
      leaks: 0,
      corruptions: 0,
    });
  });
});

describe("an L1 table of 4 Mi entries that all name one L2 table", () => {
  async function build() {
    const clusterBits = 13;
    const l1Size = 2 ** 22;
    const size = l1Size * 2 ** (clusterBits + 10);
    const builder = new ImageBuilder({ size, clusterBits, refcountOrder: 6, l1Size });
    const image = await builder.data(0, new Uint8Array(2 ** clusterBits).fill(7)).build();
    const table = image.l2Offsets.get(0) as number;
    const l1 = new DataView(new ArrayBuffer(l1Size * 8));
    for (let index = 0; index < l1Size; index++) l1.setBigUint64(index * 8, BigInt(table));
    await image.backend.write(image.l1Offset, new Uint8Array(l1.buffer));
    const host = image.hostOf(0);
    for (let index = 0; index < 1024; index++) {
      await image.putU64(table + index * 8, BigInt(host) << BigInt(clusterBits));
    }
    await image.setRefcount(table / 2 ** clusterBits, BigInt(l1Size));
    return { image, table, host };
  }

  test("is read once by a check, and 2^32 references do not look like none", async () => {
    const { image, host } = await build();
    await image.setRefcount(host, 0n);
    const counted = withCounting(image.backend);
    const report = await checkImage(counted);
    expect(report.findings).toContainEqual(
      expect.objectContaining({ code: "REFCOUNT_TOO_LOW", offset: host * image.geometry.clusterSize }),
    );
    expect(counted.counters.reads).toBeLessThan(32);
  });

  test("and of one entry that names another: the last references come one by one, and count, too", async () => {
    const { image, table, host } = await build();
    const other = await image.backend.size();
    await image.backend.write(other, image.backend.toBytes(table, image.geometry.clusterSize));
    await image.putU64(image.l1Offset, BigInt(other));
    await image.setRefcount(host, 0n);
    const { findings } = await checkImage(image.backend);
    expect(findings).toContainEqual(
      expect.objectContaining({ code: "REFCOUNT_TOO_LOW", offset: host * image.geometry.clusterSize }),
    );
  });

  test("is read once by a map, too", async () => {
    const { image } = await build();
    const counted = withCounting(image.backend);
    const reader = await Qcow2Reader.open(counted);
    counted.counters.reads = 0;
    let extents = 0;
    for await (const extent of reader.map({ length: 2 ** 30 })) extents += extent.length / 2 ** 13;
    expect(extents).toBe(2 ** 17);
    expect(counted.counters.reads).toBe(1);
  });
});

describe("an L1 table of 4 Mi entries that all name one empty L2 table", () => {
  test("takes long to map, but can be cancelled by a timer", async () => {
    const l1Size = 2 ** 22;
    const image = await new ImageBuilder({ size: l1Size * 2 ** 29, l1Size }).zero(0).build();
    const l1 = new DataView(new ArrayBuffer(l1Size * 8));
    const table = BigInt(image.l2Offsets.get(0) as number);
    for (let index = 0; index < l1Size; index++) l1.setBigUint64(index * 8, table);
    await image.backend.write(image.l1Offset, new Uint8Array(l1.buffer));
    await image.putU64(Number(table), 0n);
    const reader = await Qcow2Reader.open(image.backend);
    const signal = AbortSignal.timeout(100);
    await expect(reader.map({}, { signal }).next()).rejects.toMatchObject({ name: "TimeoutError" });
    await expect(reader.seekMapped(0, { signal: AbortSignal.timeout(100) })).rejects.toThrow();
  });
});

describe("a snapshot table", () => {
  test("of 65,536 entries that share an L1 table costs one read of it", async () => {
    const builder = new ImageBuilder({ size: 2 ** 20, clusterBits: 16, refcountOrder: 6 });
    const image = await builder.data(0, onePage(1)).snapshot("1", "a").build();
    const template: Snapshot = {
      ...(builder.snapshots[0]?.snapshot as Snapshot),
      l1TableOffset: image.getU64(image.snapshotsOffset),
      l1Size: 1,
    };
    const table = encodeSnapshotTable(Array.from({ length: 65_536 }, () => template));
    const end = await image.backend.size();
    await image.backend.write(end, table);
    await image.putU64(64, BigInt(end));
    await image.putU32(60, 65_536);
    const counted = withCounting(image.backend);
    const report = await checkImage(counted);
    expect(counted.counters.reads).toBeLessThan(100);
    const offset = Number(template.l1TableOffset);
    expect(report.findings).toContainEqual(
      expect.objectContaining({
        code: "REFCOUNT_TOO_LOW",
        offset,
        message: expect.stringContaining("reference=65536"),
      }),
    );
  });

  test("of more than 64 MiB is refused, however sparse the file is", async () => {
    const image = await new ImageBuilder({ size: 512 }).snapshot("1", "a").build();
    const entryBytes = 131_112;
    const base = 2 ** 20;
    await image.backend.resize(base + 2000 * entryBytes);
    for (let index = 0; index < 2000; index++) {
      await image.putU32(base + index * entryBytes + 12, 0xffff_ffff);
    }
    await image.putU64(64, BigInt(base));
    await image.putU32(60, 2000);
    const counted = withCounting(image.backend);
    await expect(readMetadata(counted)).rejects.toMatchObject({ code: "QCOW2_LIMIT_EXCEEDED" });
    expect(counted.counters.bytesRead).toBeLessThan(128 * MIB);
  });
});

describe("bitmaps that share one table", () => {
  async function build() {
    const kinds = Array.from({ length: 8192 }, () => "zeros" as const);
    const builder = new ImageBuilder({ size: 2 ** 20, clusterBits: 12 }).bitmap("first", kinds);
    for (let index = 0; index < 300; index++) builder.sameBitmap(`other ${index}`);
    return await builder.build();
  }

  test("are opened and checked with one read of it", async () => {
    const image = await build();
    const opening = withCounting(image.backend);
    expect((await readMetadata(opening)).bitmaps).toHaveLength(301);
    expect(opening.counters.bytesRead).toBeLessThan(MIB);
    const checking = withCounting(image.backend);
    const report = await checkImage(checking);
    expect(checking.counters.bytesRead).toBeLessThan(2 * MIB);
    expect(report.findings[0]).toMatchObject({ code: "REFCOUNT_TOO_LOW", offset: 4096 });
    expect(report.findings[0]?.message).toContain("reference=301");
  });
});

describe("tables that overlap", () => {
  test("of bitmaps are refused: together they are longer than the file", async () => {
    const kinds = Array.from({ length: 8192 }, () => "zeros" as const);
    const builder = new ImageBuilder({ size: 2 ** 20, clusterBits: 12 }).bitmap("first", kinds);
    for (let index = 1; index < 15; index++) {
      builder.sameBitmap(`other ${index}`, { tableOffset: BigInt(4096 * (index + 1)) });
    }
    const image = await builder.build();
    await expect(readMetadata(image.backend)).rejects.toMatchObject({ code: "QCOW2_INVALID_FIELD" });
    await expect(checkImage(image.backend)).rejects.toMatchObject({ code: "QCOW2_INVALID_FIELD" });
  });

  test("of snapshots are findings, and are not all read", async () => {
    const builder = new ImageBuilder({ size: 2 ** 20, clusterBits: 9, refcountOrder: 6 });
    builder.data(0, onePage(1));
    for (let number = 0; number < 64; number++) {
      builder.snapshot(String(number), "", {
        l1TableOffset: BigInt(512 * number),
        l1Size: 1024 - number,
      });
    }
    const image = await builder.build();
    await image.backend.resize(64 * 1024);
    const counted = withCounting(image.backend);
    const report = await checkImage(counted);
    expect(counted.counters.bytesRead).toBeLessThan(MIB / 2);
    const invalid = report.findings.filter(({ code }) => code === "SNAPSHOT_L1_INVALID");
    expect(invalid.length).toBeGreaterThan(40);
    expect(invalid[0]?.message).toContain("overlaps");
  });
});

describe("a refcount table", () => {
  test("of 8 MiB whose entries all name one block is checked with few reads", async () => {
    const image = await new ImageBuilder({ size: 2 ** 20 }).data(0, onePage(1)).build();
    const block = image.refcountBlocks.get(0) as number;
    const start = await image.backend.size();
    const table = new DataView(new ArrayBuffer(8 * MIB));
    for (let at = 0; at < table.byteLength; at += 8) table.setBigUint64(at, BigInt(block));
    await image.backend.write(start, new Uint8Array(table.buffer));
    await image.putU64(48, BigInt(start));
    await image.putU32(56, 128);
    const counted = withCounting(image.backend);
    const report = await checkImage(counted, { memoryBytesMax: MIB });
    expect(counted.counters.reads).toBeLessThan(20);
    expect(report.corruptions).toBeGreaterThanOrEqual(MIB - 1);
    expect(report.findings.some(({ code }) => code === "REFCOUNT_BLOCK_SHARED")).toBe(true);
    expect(report.findings.length + report.findingsOmitted).toBeGreaterThanOrEqual(MIB - 1);
    expect(report.findings).toHaveLength(1000);
  });
});

describe("tables past the end of the file", () => {
  test("are findings of a check and errors of a read", async () => {
    const image = await new ImageBuilder({ size: 2 ** 20 }).data(0, onePage(1)).build();
    await image.putU64(image.l1Offset, 2n ** 40n);
    const report = await checkImage(image.backend);
    expect(report.findings).toContainEqual(
      expect.objectContaining({ code: "REFERENCE_OUTSIDE_FILE", offset: 2 ** 40, severity: "corruption" }),
    );
    const reader = await Qcow2Reader.open(image.backend);
    await expect(reader.read(0, new Uint8Array(1))).rejects.toMatchObject({
      code: "QCOW2_REFERENCE_OUTSIDE_FILE",
      offset: 2 ** 40,
    });
  });

  test("the L1 table among them, whose claimed length allocates nothing", async () => {
    const image = await new ImageBuilder({ size: 2 ** 20 }).data(0, onePage(1)).build();
    await image.putU64(40, 2n ** 50n);
    await image.putU32(36, 2 ** 22);
    const counted = withCounting(image.backend);
    const report = await checkImage(counted);
    expect(report.findings[0]).toMatchObject({ code: "REFERENCE_OUTSIDE_FILE", offset: 2 ** 50 });
    expect(counted.counters.bytesRead).toBeLessThan(MIB);
    await expect(Qcow2Reader.open(image.backend)).rejects.toMatchObject({
      code: "QCOW2_REFERENCE_OUTSIDE_FILE",
    });
  });
});

test("of clusters in a row, one that begins past the end of the file is an error, however many are read at once", async () => {
  const builder = new ImageBuilder({ size: 2 ** 20 });
  for (const cluster of [0, 1, 2]) builder.data(cluster, onePage(cluster + 1));
  const { backend, l1Offset } = await builder.build();
  const view = new DataView(backend.toBytes().buffer);
  const l2 = Number(view.getBigUint64(l1Offset) & 0x00ff_ffff_ffff_fe00n);
  // To the end of the file, and further.
  const end = view.byteLength;
  for (const cluster of [0, 1, 2]) {
    const entry = new DataView(new ArrayBuffer(8));
    entry.setBigUint64(0, (1n << 63n) | BigInt(end + (cluster - 1) * 65536));
    await backend.write(l2 + cluster * 8, new Uint8Array(entry.buffer));
  }
  const reader = await Qcow2Reader.open(backend);
  await reader.read(0, new Uint8Array(65536));
  for (const [start, length] of [
    [0, 3 * 65536],
    [0, 65537],
    [65536, 65536],
  ] as const) {
    await expect(reader.read(start, new Uint8Array(length))).rejects.toMatchObject({
      code: "QCOW2_REFERENCE_OUTSIDE_FILE",
      offset: end,
    });
  }
});
