import { describe, expect, it } from "vitest";
import { geometryOf } from "../src/index.js";
import { expectFormatError } from "./expect-format-error.js";
import { sampleHeader, sampleHeaderV2 } from "./sample-header.js";

describe("geometryOf", () => {
  it("gives the usual image its usual numbers", () => {
    expect(geometryOf(sampleHeader())).toEqual({
      version: 3,
      clusterBits: 16,
      clusterSize: 65536,
      extendedL2: false,
      l2EntrySize: 8,
      l2Entries: 8192,
      l2Bits: 13,
      subclusterSize: 65536,
      subclustersPerCluster: 1,
      refcountBits: 16,
      refcountBlockEntries: 32768,
      refcountBlockBits: 15,
      virtualSize: 2 ** 30,
      l1Entries: 2,
      hasDataFile: false,
      dataFileRaw: false,
      compressionMethod: "deflate",
      guestBytesPerL2: 2 ** 29,
    });
  });

  it("halves the entries of an L2 table and splits clusters with extended L2", () => {
    expect(geometryOf(sampleHeader({ incompatibleFeatures: 16n }))).toMatchObject({
      extendedL2: true,
      l2EntrySize: 16,
      l2Entries: 4096,
      l2Bits: 12,
      subclusterSize: 2048,
      subclustersPerCluster: 32,
      guestBytesPerL2: 2 ** 28,
    });
  });

  it.each([
    [0, 1, 2 ** 19],
    [3, 8, 2 ** 16],
    [6, 64, 2 ** 13],
  ])(
    "counts the refcounts of a block at refcount_order %i",
    (refcountOrder, refcountBits, refcountBlockEntries) => {
      expect(geometryOf(sampleHeader({ refcountOrder }))).toMatchObject({
        refcountBits,
        refcountBlockEntries,
      });
    },
  );

  it("reports data file, raw data file and zstd", () => {
    const header = sampleHeader({ incompatibleFeatures: 12n, autoclearFeatures: 2n, compressionType: 1 });
    expect(geometryOf(header)).toMatchObject({
      hasDataFile: true,
      dataFileRaw: true,
      compressionMethod: "zstd",
    });
  });

  it("keeps a virtual size that is no multiple of anything", () => {
    expect(geometryOf(sampleHeaderV2({ size: 12345n })).virtualSize).toBe(12345);
  });

  it("refuses a size past 2^53 - 1", () => {
    const expected = {
      code: "QCOW2_OFFSET_TOO_LARGE",
      structure: "header",
      field: "size",
      offset: 24,
    } as const;
    expectFormatError(() => geometryOf(sampleHeader({ size: 2n ** 53n })), expected);
  });
});
