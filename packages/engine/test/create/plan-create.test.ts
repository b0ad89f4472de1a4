import { MemoryBackend } from "@qcow/backend-memory";
import { decodeBackingFileName, decodeHeader, decodeHeaderExtensions, KNOWN_FEATURES } from "@qcow/format";
import { describe, expect, test } from "vitest";
import { type CreatePlan, planCreate } from "../../src/create/plan-create.js";
import { settleOptions } from "../../src/create/settle-options.js";
import type { CreateOptions } from "../../src/index.js";

const MiB = 2 ** 20;
const TiB = 2 ** 40;
const plan = (options: CreateOptions): CreatePlan => planCreate(settleOptions(options));
const CLUSTER = 65536;

test("an empty image has header, refcount table, refcount block and L1 table", () => {
  const { tables, data, fileLength, header } = plan({ size: 2 ** 30 });
  expect(tables.map(({ offset, length, entries }) => [offset, length, entries])).toEqual([
    [CLUSTER, CLUSTER, 1],
    [2 * CLUSTER, CLUSTER, 4],
    [3 * CLUSTER, CLUSTER, 0],
    [4 * CLUSTER, 0, 0],
  ]);
  expect(data).toEqual({ offset: 4 * CLUSTER, length: 0 });
  expect(fileLength).toBe(4 * CLUSTER);
  expect(header).toMatchObject({ l1Size: 2, l1TableOffset: BigInt(3 * CLUSTER) });
});

test("a disk without a byte has an L1 table all the same", () => {
  expect(plan({ size: 0 })).toMatchObject({ header: { l1Size: 1, size: 0n }, fileLength: 4 * CLUSTER });
});

test("preallocated clusters follow the tables, in the guest's order", () => {
  const { tables, data, fileLength } = plan({ size: 10 * CLUSTER - 1, preallocation: "metadata" });
  expect(tables[2]).toMatchObject({ entries: 1, firstTarget: 4 * CLUSTER, copied: true });
  expect(tables[3]).toMatchObject({ offset: 4 * CLUSTER, entries: 10, firstTarget: 5 * CLUSTER });
  expect(data).toEqual({ offset: 5 * CLUSTER, length: 10 * CLUSTER });
  expect(fileLength).toBe(15 * CLUSTER);
});

test("with a data file entries name the guest's own offsets, and the image has no data", () => {
  const dataFile = { name: "data", raw: true, backend: new MemoryBackend() };
  const { tables, data, header } = plan({ size: MiB, dataFile });
  expect(tables[3]).toMatchObject({ entries: 16, firstTarget: 0, copied: true });
  expect(data.length).toBe(0);
  expect(header).toMatchObject({ incompatibleFeatures: 4n, autoclearFeatures: 2n });
});

describe("refcounts cover the file, their own blocks and table included", () => {
  const cases: CreateOptions[] = [512, 4096, 65536, 2 * MiB].flatMap((clusterSize) =>
    [1, 2, 4, 8, 16, 32, 64].flatMap((refcountBits) =>
      [0, MiB, 16 * MiB, 100 * MiB + 512].flatMap((size) =>
        (["off", "metadata"] as const).map((preallocation) => ({
          size,
          clusterSize,
          refcountBits,
          preallocation,
        })),
      ),
    ),
  );
  test.each(cases)("%j", (options) => {
    const { tables, fileLength, data, header } = plan(options);
    const { clusterSize = 0, refcountBits = 0 } = options;
    const [table, blocks] = tables;
    expect(blocks?.entries).toBe(fileLength / clusterSize);
    const needed = Math.ceil(((blocks?.entries ?? 0) * refcountBits) / 8 / clusterSize);
    expect(blocks?.length).toBe(needed * clusterSize);
    expect(table).toMatchObject({ entries: needed, firstTarget: blocks?.offset });
    expect(table?.length).toBe(Math.ceil((needed * 8) / clusterSize) * clusterSize);
    expect(BigInt(table?.length ?? 0)).toBe(BigInt(header.refcountTableClusters * clusterSize));
    expect(data.offset + data.length).toBe(fileLength);
    let end = clusterSize;
    for (const { offset, length } of tables) {
      expect(offset).toBe(end);
      end += length;
    }
    expect(data.offset).toBe(end);
  });
});

test.each<[CreateOptions, number]>([
  [{ size: 128 * 2 ** 30, clusterSize: 512 }, 4194304],
  [{ size: 2 ** 51 }, 4194304],
  [{ size: 64 * TiB, clusterSize: 16384, extendedL2: true }, 4194304],
  [{ size: 2 ** 53 - 512, clusterSize: 2 * MiB }, 16384],
])("%j is as large as it can be, or as numbers go", (options, l1Size) => {
  expect(plan(options).header.l1Size).toBe(l1Size);
});

test.each<[CreateOptions, RegExp]>([
  [{ size: 128 * 2 ** 30 + 1, clusterSize: 512 }, /L1 table/],
  [{ size: 2 ** 51 + 1 }, /L1 table/],
  [{ size: 3 * 2 ** 50 }, /L1 table/],
  [{ size: 65 * TiB, clusterSize: 16384, extendedL2: true }, /L1 table/],
  [{ size: 40 * 2 ** 30, clusterSize: 512, refcountBits: 64, preallocation: "metadata" }, /refcount table/],
  [{ size: 2 ** 53 - 512, clusterSize: 2 * MiB, preallocation: "metadata" }, /the file/],
])("%j is refused, and says what is too large", (options, message) => {
  expect(() => plan(options)).toThrow(expect.objectContaining({ code: "QCOW2_BAD_OPTION" }));
  expect(() => plan(options)).toThrow(message);
});

describe("the first cluster", () => {
  test("has header, extensions in QEMU's order, the end marker and the backing file's name", () => {
    const dataFile = { name: "data.raw", backend: new MemoryBackend() };
    const { head } = plan({ size: MiB, backingFile: { name: "über.raw", format: "raw" }, dataFile });
    const header = decodeHeader(head);
    const { extensions, end } = decodeHeaderExtensions(head, header);
    expect(extensions.map(({ type }) => type)).toEqual(["backing-format", "data-file", "feature-names"]);
    expect(extensions[2]).toEqual({ type: "feature-names", names: KNOWN_FEATURES });
    expect(header.backingFileOffset).toBe(BigInt(end));
    expect(decodeBackingFileName(head, header)?.name).toBe("über.raw");
    expect(head.byteLength).toBe(end + "über.raw".length + 1);
    expect(header.headerLength).toBe(112);
  });

  test("of version 2 has a header of 72 bytes and no names of features", () => {
    const { head } = plan({ size: MiB, version: 2, backingFile: { name: "b", format: "raw" } });
    const header = decodeHeader(head);
    expect(header).toMatchObject({ version: 2, headerLength: 72, backingFileOffset: 96n });
    expect(decodeHeaderExtensions(head, header).extensions.map(({ type }) => type)).toEqual([
      "backing-format",
    ]);
  });

  test("leaves out the names of features in small clusters, where names of files need the room", () => {
    const backingFile = { name: "n".repeat(512 - 112 - 16 - 8), format: "raw" };
    expect(plan({ size: MiB, clusterSize: 512, backingFile }).head.byteLength).toBe(512);
    const longer = { ...backingFile, name: `${backingFile.name}n` };
    expect(() => plan({ size: MiB, clusterSize: 512, backingFile: longer })).toThrow(/513 bytes/);
  });

  test("says the features that were asked for, and nothing is dirty", () => {
    const zstd = plan({ size: MiB, compressionMethod: "zstd", extendedL2: true }).header;
    expect(zstd).toMatchObject({ incompatibleFeatures: 0b11000n, compressionType: 1 });
    expect(zstd.compatibleFeatures).toBe(1n);
    expect(plan({ size: MiB, lazyRefcounts: false }).header.compatibleFeatures).toBe(0n);
  });
});
