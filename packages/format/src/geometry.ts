// Owns what follows from a header: sizes, entry counts and shifts that every reader needs.
// Does not check the header: call checkHeader first.

import { hasDataFile, hasExtendedL2, hasRawDataAutoclear } from "./feature-bits.js";
import type { Header } from "./header.js";
import { SUBCLUSTERS_PER_CLUSTER } from "./limits.js";
import { toSafeNumber } from "./safe-number.js";

/** How compressed clusters of an image are compressed: raw deflate or zstd frames. */
export type CompressionMethod = "deflate" | "zstd";

/** Sizes are in bytes unless the name says otherwise. */
export interface Geometry {
  readonly version: 2 | 3;
  readonly clusterBits: number;
  readonly clusterSize: number;
  readonly extendedL2: boolean;
  readonly l2EntrySize: 8 | 16;
  /** Entries of one L2 table, which fills a cluster: 2^l2Bits. */
  readonly l2Entries: number;
  readonly l2Bits: number;
  /** The cluster size without extended L2 entries. */
  readonly subclusterSize: number;
  readonly subclustersPerCluster: 1 | 32;
  /** Width of a refcount, 1 to 64. */
  readonly refcountBits: number;
  /** Refcounts in one refcount block, which fills a cluster: 2^refcountBlockBits. */
  readonly refcountBlockEntries: number;
  readonly refcountBlockBits: number;
  readonly virtualSize: number;
  /** Entries of the active L1 table, as the header says. */
  readonly l1Entries: number;
  readonly hasDataFile: boolean;
  /** The external data file is a valid raw image by itself. */
  readonly dataFileRaw: boolean;
  readonly compressionMethod: CompressionMethod;
  /** Guest bytes that one L2 table maps. */
  readonly guestBytesPerL2: number;
}

/**
 * The geometry of an image whose header passed `checkHeader`.
 *
 * @throws FormatError `QCOW2_OFFSET_TOO_LARGE` for a virtual size past 2^53 - 1.
 */
export function geometryOf(header: Header): Geometry {
  const { clusterBits, refcountOrder } = header;
  const clusterSize = 2 ** clusterBits;
  const extendedL2 = hasExtendedL2(header);
  const l2Bits = clusterBits - (extendedL2 ? 4 : 3);
  const refcountBlockBits = clusterBits + 3 - refcountOrder;
  return {
    version: header.version,
    clusterBits,
    clusterSize,
    extendedL2,
    l2EntrySize: extendedL2 ? 16 : 8,
    l2Entries: 2 ** l2Bits,
    l2Bits,
    subclusterSize: extendedL2 ? clusterSize / SUBCLUSTERS_PER_CLUSTER : clusterSize,
    subclustersPerCluster: extendedL2 ? SUBCLUSTERS_PER_CLUSTER : 1,
    refcountBits: 2 ** refcountOrder,
    refcountBlockEntries: 2 ** refcountBlockBits,
    refcountBlockBits,
    virtualSize: toSafeNumber(header.size, { structure: "header", field: "size", offset: 24 }),
    l1Entries: header.l1Size,
    hasDataFile: hasDataFile(header),
    dataFileRaw: hasDataFile(header) && hasRawDataAutoclear(header),
    compressionMethod: header.compressionType === 1 ? "zstd" : "deflate",
    guestBytesPerL2: 2 ** (clusterBits + l2Bits),
  };
}
