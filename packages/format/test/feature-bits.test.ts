import { describe, expect, it } from "vitest";
import {
  hasBitmapsAutoclear,
  hasCompressionType,
  hasDataFile,
  hasExtendedL2,
  hasFeatureBit,
  hasLazyRefcounts,
  hasRawDataAutoclear,
  isCorrupt,
  isDirty,
  KNOWN_FEATURES,
  knownFeatureMask,
} from "../src/index.js";
import { sampleHeader } from "./sample-header.js";

describe("feature bits", () => {
  it.each([
    ["dirty", isDirty, { incompatibleFeatures: 1n }],
    ["corrupt", isCorrupt, { incompatibleFeatures: 2n }],
    ["external data file", hasDataFile, { incompatibleFeatures: 4n }],
    ["compression type", hasCompressionType, { incompatibleFeatures: 8n }],
    ["extended L2", hasExtendedL2, { incompatibleFeatures: 16n }],
    ["lazy refcounts", hasLazyRefcounts, { compatibleFeatures: 1n }],
    ["bitmaps", hasBitmapsAutoclear, { autoclearFeatures: 1n }],
    ["raw external data", hasRawDataAutoclear, { autoclearFeatures: 2n }],
  ] as const)("%s is one bit of its word", (_title, predicate, word) => {
    expect(predicate(sampleHeader(word))).toBe(true);
    expect(predicate(sampleHeader())).toBe(false);
    const inverted = Object.fromEntries(
      Object.entries(word).map(([key, bits]) => [key, 2n ** 64n - 1n - bits]),
    );
    expect(predicate(sampleHeader(inverted))).toBe(false);
  });

  it("reads bit 63", () => {
    expect(hasFeatureBit(1n << 63n, 63)).toBe(true);
    expect(hasFeatureBit(1n << 63n, 62)).toBe(false);
  });

  it("knows five incompatible, one compatible and two autoclear bits", () => {
    expect(knownFeatureMask("incompatible")).toBe(31n);
    expect(knownFeatureMask("compatible")).toBe(1n);
    expect(knownFeatureMask("autoclear")).toBe(3n);
    expect(KNOWN_FEATURES).toHaveLength(8);
  });
});
