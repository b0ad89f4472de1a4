// Owns the feature bits of the header that have a meaning, and their predicates.
// Does not decide which combinations are legal: check-header.ts does.

/** The three feature words of a header (specification: "Header", bytes 72 to 95); all zero in version 2. */
export interface FeatureWords {
  readonly incompatibleFeatures: bigint;
  readonly compatibleFeatures: bigint;
  readonly autoclearFeatures: bigint;
}

/** Which feature word a bit belongs to. */
export type FeatureKind = "incompatible" | "compatible" | "autoclear";

/** One feature bit with a meaning. */
export interface Feature {
  readonly kind: FeatureKind;
  /** Bit number, 0 to 63. */
  readonly bit: number;
  readonly name: string;
}

/** Refcounts may be stale. */
export const INCOMPATIBLE_DIRTY_BIT = 0;
/** A structure was found damaged; writing is refused until a repair. */
export const INCOMPATIBLE_CORRUPT_BIT = 1;
/** Guest data lives in an external data file. */
export const INCOMPATIBLE_DATA_FILE_BIT = 2;
/** The compression type field is not deflate. */
export const INCOMPATIBLE_COMPRESSION_BIT = 3;
/** L2 entries have 16 bytes, with a subcluster bitmap. */
export const INCOMPATIBLE_EXTENDED_L2_BIT = 4;
/** Refcount updates may be postponed under the dirty bit. */
export const COMPATIBLE_LAZY_REFCOUNTS_BIT = 0;
/** The bitmaps extension is consistent with the guest data. */
export const AUTOCLEAR_BITMAPS_BIT = 0;
/** The external data file is a valid raw image by itself. */
export const AUTOCLEAR_RAW_DATA_FILE_BIT = 1;

/** Every feature bit that this package knows, with the names that images made by QEMU give them. */
export const KNOWN_FEATURES: readonly Feature[] = [
  { kind: "incompatible", bit: INCOMPATIBLE_DIRTY_BIT, name: "dirty bit" },
  { kind: "incompatible", bit: INCOMPATIBLE_CORRUPT_BIT, name: "corrupt bit" },
  { kind: "incompatible", bit: INCOMPATIBLE_DATA_FILE_BIT, name: "external data file" },
  { kind: "incompatible", bit: INCOMPATIBLE_COMPRESSION_BIT, name: "compression type" },
  { kind: "incompatible", bit: INCOMPATIBLE_EXTENDED_L2_BIT, name: "extended L2 entries" },
  { kind: "compatible", bit: COMPATIBLE_LAZY_REFCOUNTS_BIT, name: "lazy refcounts" },
  { kind: "autoclear", bit: AUTOCLEAR_BITMAPS_BIT, name: "bitmaps" },
  { kind: "autoclear", bit: AUTOCLEAR_RAW_DATA_FILE_BIT, name: "raw external data" },
];

/** The known bits of one word, as a mask. */
export function knownFeatureMask(kind: FeatureKind): bigint {
  const bits = KNOWN_FEATURES.filter((feature) => feature.kind === kind);
  return bits.reduce((mask, feature) => mask | (1n << BigInt(feature.bit)), 0n);
}

/** Whether a word has `bit` (0 to 63) set. */
export function hasFeatureBit(word: bigint, bit: number): boolean {
  return ((word >> BigInt(bit)) & 1n) === 1n;
}

export function hasIncompatible(header: Pick<FeatureWords, "incompatibleFeatures">, bit: number): boolean {
  return hasFeatureBit(header.incompatibleFeatures, bit);
}

export function hasCompatible(header: Pick<FeatureWords, "compatibleFeatures">, bit: number): boolean {
  return hasFeatureBit(header.compatibleFeatures, bit);
}

export function hasAutoclear(header: Pick<FeatureWords, "autoclearFeatures">, bit: number): boolean {
  return hasFeatureBit(header.autoclearFeatures, bit);
}

export function isDirty(header: FeatureWords): boolean {
  return hasIncompatible(header, INCOMPATIBLE_DIRTY_BIT);
}

export function isCorrupt(header: FeatureWords): boolean {
  return hasIncompatible(header, INCOMPATIBLE_CORRUPT_BIT);
}

export function hasDataFile(header: FeatureWords): boolean {
  return hasIncompatible(header, INCOMPATIBLE_DATA_FILE_BIT);
}

export function hasCompressionType(header: FeatureWords): boolean {
  return hasIncompatible(header, INCOMPATIBLE_COMPRESSION_BIT);
}

export function hasExtendedL2(header: FeatureWords): boolean {
  return hasIncompatible(header, INCOMPATIBLE_EXTENDED_L2_BIT);
}

export function hasLazyRefcounts(header: FeatureWords): boolean {
  return hasCompatible(header, COMPATIBLE_LAZY_REFCOUNTS_BIT);
}

export function hasBitmapsAutoclear(header: FeatureWords): boolean {
  return hasAutoclear(header, AUTOCLEAR_BITMAPS_BIT);
}

export function hasRawDataAutoclear(header: FeatureWords): boolean {
  return hasAutoclear(header, AUTOCLEAR_RAW_DATA_FILE_BIT);
}
