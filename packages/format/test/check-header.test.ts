import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkHeader, type FormatErrorCode, geometryOf, type Header } from "../src/index.js";
import { expectFormatError, throwsOnlyFormatErrors } from "./expect-format-error.js";
import { arbitraryHeader, sampleHeader, sampleHeaderV2 } from "./sample-header.js";

type Refused = readonly [string, Partial<Header>, FormatErrorCode, string, number];

const REFUSED: readonly Refused[] = [
  ["cluster_bits 8", { clusterBits: 8 }, "QCOW2_INVALID_FIELD", "cluster_bits", 20],
  [
    "an unknown incompatible bit",
    { incompatibleFeatures: 32n },
    "QCOW2_UNSUPPORTED_FEATURE",
    "incompatible_features",
    72,
  ],
  [
    "extended L2 with 8 KiB clusters",
    { incompatibleFeatures: 16n, clusterBits: 13, size: 0n },
    "QCOW2_INVALID_FIELD",
    "cluster_bits",
    20,
  ],
  [
    "raw external data without data file",
    { autoclearFeatures: 2n },
    "QCOW2_INVALID_FIELD",
    "autoclear_features",
    88,
  ],
  ["zstd without its bit", { compressionType: 1 }, "QCOW2_INVALID_FIELD", "compression_type", 104],
  [
    "the compression bit with deflate",
    { incompatibleFeatures: 8n },
    "QCOW2_INVALID_FIELD",
    "compression_type",
    104,
  ],
  [
    "compression type 2",
    { incompatibleFeatures: 8n, compressionType: 2 },
    "QCOW2_UNSUPPORTED_FEATURE",
    "compression_type",
    104,
  ],
  ["crypt_method 3", { cryptMethod: 3 }, "QCOW2_UNSUPPORTED_FEATURE", "crypt_method", 32],
  ["refcount_order 7", { refcountOrder: 7 }, "QCOW2_INVALID_FIELD", "refcount_order", 96],
  ["an L1 table over 32 MiB", { l1Size: 4194305 }, "QCOW2_LIMIT_EXCEEDED", "l1_size", 36],
  ["an L1 table off a cluster", { l1TableOffset: 0x30200n }, "QCOW2_INVALID_FIELD", "l1_table_offset", 40],
  ["an L1 table at 2^63", { l1TableOffset: 2n ** 63n }, "QCOW2_INVALID_FIELD", "l1_table_offset", 40],
  ["an L1 table past 2^53", { l1TableOffset: 2n ** 53n }, "QCOW2_OFFSET_TOO_LARGE", "l1_table_offset", 40],
  ["an L1 table one entry short", { size: 2n ** 30n + 1n }, "QCOW2_INVALID_FIELD", "l1_size", 36],
  ["a size of 2^64 - 1", { size: 2n ** 64n - 1n }, "QCOW2_INVALID_FIELD", "l1_size", 36],
  [
    "a size past 2^53 that the L1 table covers",
    { clusterBits: 21, l1Size: 2 ** 22, l1TableOffset: 0n, refcountTableOffset: 0n, size: 2n ** 53n },
    "QCOW2_OFFSET_TOO_LARGE",
    "size",
    24,
  ],
  ["no refcount table", { refcountTableClusters: 0 }, "QCOW2_INVALID_FIELD", "refcount_table_clusters", 56],
  [
    "a refcount table over 8 MiB",
    { refcountTableClusters: 129 },
    "QCOW2_LIMIT_EXCEEDED",
    "refcount_table_clusters",
    56,
  ],
  [
    "the largest refcount_table_clusters",
    { refcountTableClusters: 0xffffffff },
    "QCOW2_LIMIT_EXCEEDED",
    "refcount_table_clusters",
    56,
  ],
  [
    "a refcount table off a cluster",
    { refcountTableOffset: 8n },
    "QCOW2_INVALID_FIELD",
    "refcount_table_offset",
    48,
  ],
  ["too many snapshots", { nbSnapshots: 65537 }, "QCOW2_LIMIT_EXCEEDED", "nb_snapshots", 60],
  ["a snapshot table off a cluster", { snapshotsOffset: 1n }, "QCOW2_INVALID_FIELD", "snapshots_offset", 64],
  ["a snapshot table at 2^63", { snapshotsOffset: 2n ** 63n }, "QCOW2_INVALID_FIELD", "snapshots_offset", 64],
  [
    "a backing name past the cluster",
    { backingFileOffset: 65537n },
    "QCOW2_INVALID_FIELD",
    "backing_file_offset",
    8,
  ],
  [
    "a backing name of 1024 bytes",
    { backingFileOffset: 512n, backingFileSize: 1024 },
    "QCOW2_LIMIT_EXCEEDED",
    "backing_file_size",
    16,
  ],
  [
    "a backing name that leaves the cluster",
    { backingFileOffset: 65530n, backingFileSize: 7 },
    "QCOW2_LIMIT_EXCEEDED",
    "backing_file_size",
    16,
  ],
];

describe("checkHeader", () => {
  it.each(REFUSED)("refuses %s", (_title, changes, code, field, offset) => {
    expectFormatError(() => checkHeader(sampleHeader(changes)), { code, structure: "header", field, offset });
  });

  it.each<readonly [string, Partial<Header>]>([
    ["a plain image", {}],
    ["an empty disk without L1 table", { size: 0n, l1Size: 0, l1TableOffset: 0n }],
    ["an L1 table at offset 0, which a check reports", { l1TableOffset: 0n }],
    ["an L1 table of exactly 32 MiB", { l1Size: 4194304 }],
    ["a refcount table of exactly 8 MiB", { refcountTableClusters: 128 }],
    [
      "the last size that is exact",
      { clusterBits: 21, l1Size: 2 ** 22, l1TableOffset: 0n, refcountTableOffset: 0n, size: 2n ** 53n - 1n },
    ],
    ["65536 snapshots", { nbSnapshots: 65536, snapshotsOffset: 0x40000n }],
    [
      "unknown compatible and autoclear bits",
      { compatibleFeatures: 2n ** 63n, autoclearFeatures: 2n ** 40n },
    ],
    ["every incompatible bit that is known", { incompatibleFeatures: 31n, compressionType: 1, l1Size: 4 }],
    ["raw external data", { incompatibleFeatures: 4n, autoclearFeatures: 2n }],
    ["a backing name up to the end of the cluster", { backingFileOffset: 65530n, backingFileSize: 6 }],
    ["a backing length without offset, which nobody reads", { backingFileSize: 5000 }],
    ["a header_length that is no multiple of 8", { headerLength: 109 }],
  ])("accepts %s", (_title, changes) => {
    expect(() => checkHeader(sampleHeader(changes))).not.toThrow();
  });

  it("accepts version 2", () => {
    expect(() => checkHeader(sampleHeaderV2())).not.toThrow();
  });

  it("accepts an image without refcount table for a repair only", () => {
    const header = sampleHeader({ refcountTableClusters: 0 });
    expect(() => checkHeader(header, { toleratesNoRefcountTable: true })).not.toThrow();
  });

  it("names unknown features as the image does, escaped", () => {
    const header = sampleHeader({ incompatibleFeatures: (1n << 40n) | (1n << 41n) });
    const featureNames = [
      { kind: "compatible", bit: 40, name: "something else" },
      { kind: "incompatible", bit: 40, name: "holes\u001b[31m" },
    ] as const;
    const expected = {
      code: "QCOW2_UNSUPPORTED_FEATURE",
      structure: "header",
      field: "incompatible_features",
      offset: 72,
    } as const;
    const error = expectFormatError(() => checkHeader(header, { featureNames }), expected);
    expect(error.message).toContain("bit 40 (holes\\x1b[31m), bit 41");
  });

  it("lists a few of many unknown features and counts the rest", () => {
    const header = sampleHeader({ incompatibleFeatures: 2n ** 64n - 1n });
    expect(() => checkHeader(header)).toThrow(/bit 5, .*bit 12 and 51 more$/);
  });

  it("throws nothing but FormatError, and what passes has a geometry", () => {
    fc.assert(
      fc.property(arbitraryHeader, (header) =>
        throwsOnlyFormatErrors(() => {
          checkHeader(header);
          geometryOf(header);
        }),
      ),
    );
  });
});
