import { MemoryBackend } from "@qcow/backend-memory";
import { describe, expect, test } from "vitest";
import { settleOptions } from "../../src/create/settle-options.js";
import type { CreateOptions } from "../../src/index.js";

const backend = new MemoryBackend();
const base: CreateOptions = { size: 2 ** 20 };
const settle = (options: Partial<CreateOptions>) => settleOptions({ ...base, ...options });

test("the defaults are those of qcow-tool: version 3, 64 KiB, 16 bits, lazy refcounts", () => {
  expect(settle({})).toEqual({
    size: 2 ** 20,
    clusterBits: 16,
    version: 3,
    refcountOrder: 4,
    extendedL2: false,
    lazyRefcounts: true,
    compressionMethod: "deflate",
    backingFile: undefined,
    dataFile: undefined,
    preallocation: "off",
  });
});

test("version 2 has strict refcounts", () => {
  expect(settle({ version: 2 })).toMatchObject({ version: 2, lazyRefcounts: false });
});

test.each([
  [0, 0],
  [1, 512],
  [511, 512],
  [512, 512],
  [513, 1024],
  [Number.MAX_SAFE_INTEGER - 511, Number.MAX_SAFE_INTEGER - 511],
])("a disk of %i bytes has %i", (size, rounded) => {
  expect(settle({ size }).size).toBe(rounded);
});

test("a raw data file implies that everything is mapped, and takes more than that", () => {
  const dataFile = { name: "data", raw: true, backend };
  expect(settle({ dataFile }).preallocation).toBe("metadata");
  expect(settle({ dataFile, preallocation: "full" }).preallocation).toBe("full");
  expect(settle({ dataFile: { name: "data", backend } }).preallocation).toBe("off");
});

const REFUSED: Record<string, [Partial<CreateOptions>, RegExp]> = {
  "a size that is no number of bytes": [{ size: 1.5 }, /no number of bytes/],
  "a negative size": [{ size: -1 }, /no number of bytes/],
  "a size past 2^53 - 1": [{ size: 2 ** 53 }, /no number of bytes/],
  "a size past 2^53 - 1 in whole sectors": [{ size: Number.MAX_SAFE_INTEGER }, /whole sectors/],
  "clusters of 256 bytes": [{ clusterSize: 256 }, /cluster cannot have 256/],
  "clusters of 4 MiB": [{ clusterSize: 2 ** 22 }, /cluster cannot have 4194304/],
  "clusters of no power of 2": [{ clusterSize: 5000 }, /cluster cannot have 5000/],
  "clusters of almost a power of 2": [{ clusterSize: 65536 + 2 ** -30 }, /cluster cannot have/],
  "clusters of nothing": [{ clusterSize: 0 }, /cluster cannot have 0/],
  "refcounts of 3 bits": [{ refcountBits: 3 }, /refcount cannot have 3/],
  "refcounts of 128 bits": [{ refcountBits: 128 }, /refcount cannot have 128/],
  "refcounts of half a bit": [{ refcountBits: 0.5 }, /refcount cannot have 0.5/],
  "another version": [{ version: 1 as 2 }, /no version 1/],
  "another compression": [{ compressionMethod: "lzma" as "zstd" }, /not lzma/],
  "another preallocation": [{ preallocation: "some" as "off" }, /no preallocation some/],
  "version 2 with wide refcounts": [{ version: 2, refcountBits: 32 }, /version 2 .*refcounts/],
  "version 2 with lazy refcounts": [{ version: 2, lazyRefcounts: true }, /version 2 .*lazy/],
  "version 2 with extended L2": [{ version: 2, extendedL2: true }, /version 2 .*extended/],
  "version 2 with zstd": [{ version: 2, compressionMethod: "zstd" }, /version 2 .*compression/],
  "version 2 with a data file": [{ version: 2, dataFile: { name: "d", backend } }, /version 2 .*data files/],
  "extended L2 in small clusters": [{ extendedL2: true, clusterSize: 8192 }, /at least 16384/],
  "a backing file without a name": [{ backingFile: { name: "" } }, /backing file is empty/],
  "a backing file with a NUL": [{ backingFile: { name: "a\0b" } }, /contains a NUL/],
  "a backing file that is no text": [{ backingFile: { name: "a\ud800" } }, /UTF-8/],
  "a long name": [{ backingFile: { name: "ä".repeat(512) } }, /1024 bytes, at most 1023/],
  "a long format": [{ backingFile: { name: "a", format: "x".repeat(16) } }, /16 bytes, at most 15/],
  "a data file without a name": [{ dataFile: { name: "", backend } }, /data file is empty/],
  "a backing file of a raw data file": [
    { backingFile: { name: "a" }, dataFile: { name: "d", raw: true, backend } },
    /raw data file/,
  ],
  "preallocation over a backing file": [
    { backingFile: { name: "a" }, preallocation: "metadata" },
    /hide the backing file/,
  ],
};

describe("refused is", () => {
  test.each(Object.entries(REFUSED))("%s", (_title, [options, message]) => {
    expect(() => settle(options)).toThrow(expect.objectContaining({ code: "QCOW2_BAD_OPTION" }));
    expect(() => settle(options)).toThrow(message);
  });
});

test("preallocation goes with a backing file where subclusters let it show", () => {
  const options = { backingFile: { name: "a", format: "raw" }, extendedL2: true } as const;
  expect(settle({ ...options, preallocation: "full" }).preallocation).toBe("full");
});
