// Owns a small valid header that tests start from, and the arbitrary ones for property tests.
// Does not own expectations.

import fc from "fast-check";
import type { Header } from "../src/index.js";

/** A 1 GiB disk with 64 KiB clusters: refcount table, L1 table in the clusters after the header. */
export function sampleHeader(changes: Partial<Header> = {}): Header {
  return {
    version: 3,
    backingFileOffset: 0n,
    backingFileSize: 0,
    clusterBits: 16,
    size: 2n ** 30n,
    cryptMethod: 0,
    l1Size: 2,
    l1TableOffset: 0x30000n,
    refcountTableOffset: 0x10000n,
    refcountTableClusters: 1,
    nbSnapshots: 0,
    snapshotsOffset: 0n,
    incompatibleFeatures: 0n,
    compatibleFeatures: 0n,
    autoclearFeatures: 0n,
    refcountOrder: 4,
    headerLength: 112,
    compressionType: 0,
    unknownFields: new Uint8Array(0),
    ...changes,
  };
}

/** The same disk in version 2. */
export function sampleHeaderV2(changes: Partial<Header> = {}): Header {
  return sampleHeader({ version: 2, headerLength: 72, ...changes });
}

export const u32 = (): fc.Arbitrary<number> => fc.nat({ max: 0xffffffff });
export const u64 = (): fc.Arbitrary<bigint> => fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

const sharedFields = {
  backingFileOffset: u64(),
  backingFileSize: u32(),
  clusterBits: fc.integer({ min: 9, max: 21 }),
  size: u64(),
  cryptMethod: u32(),
  l1Size: u32(),
  l1TableOffset: u64(),
  refcountTableOffset: u64(),
  refcountTableClusters: u32(),
  nbSnapshots: u32(),
  snapshotsOffset: u64(),
};

const arbitraryV2: fc.Arbitrary<Header> = fc.record(sharedFields).map((fields) => sampleHeaderV2(fields));

const arbitraryV3: fc.Arbitrary<Header> = fc
  .record({
    ...sharedFields,
    incompatibleFeatures: u64(),
    compatibleFeatures: u64(),
    autoclearFeatures: u64(),
    refcountOrder: u32(),
    compressionType: fc.nat({ max: 255 }),
    headerLength: fc.integer({ min: 104, max: 140 }),
  })
  .chain((fields) => {
    const unknownBytes = Math.max(0, fields.headerLength - 112);
    return fc.uint8Array({ minLength: unknownBytes, maxLength: unknownBytes }).map((unknownFields) => {
      const compressionType = fields.headerLength > 104 ? fields.compressionType : 0;
      return sampleHeader({ ...fields, compressionType, unknownFields });
    });
  });

/** Any header that can be encoded, its values legal or not. */
export const arbitraryHeader: fc.Arbitrary<Header> = fc.oneof(arbitraryV2, arbitraryV3);
