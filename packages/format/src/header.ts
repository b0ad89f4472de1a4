// Owns the header: bytes to fields and back, for versions 2 and 3.
// Checks only what decoding depends on (magic, version, cluster_bits, lengths); check-header.ts checks the values.

import { ByteReader } from "./byte-reader.js";
import { ByteWriter } from "./byte-writer.js";
import { FormatError } from "./errors.js";
import type { FeatureWords } from "./feature-bits.js";
import {
  CLUSTER_BITS_MAX,
  CLUSTER_BITS_MIN,
  HEADER_LENGTH_V2,
  HEADER_LENGTH_V3,
  HEADER_LENGTH_V3_MIN,
} from "./limits.js";

/** The first four bytes of every qcow2 image: `QFI` and 0xfb. */
export const QCOW2_MAGIC = 0x514649fb;

/** The fields of a header (specification: "Header"). Offsets and lengths are in bytes unless named otherwise. */
export interface Header extends FeatureWords {
  readonly version: 2 | 3;
  /** Where the name of the backing file lies; 0 without one. */
  readonly backingFileOffset: bigint;
  /** Length of that name. */
  readonly backingFileSize: number;
  readonly clusterBits: number;
  /** Virtual size. */
  readonly size: bigint;
  /** 0 none, 1 legacy AES, 2 LUKS. */
  readonly cryptMethod: number;
  /** Entries of the active L1 table. */
  readonly l1Size: number;
  readonly l1TableOffset: bigint;
  readonly refcountTableOffset: bigint;
  readonly refcountTableClusters: number;
  readonly nbSnapshots: number;
  readonly snapshotsOffset: bigint;
  /** Zero in version 2, as are the other two feature words. */
  readonly incompatibleFeatures: bigint;
  readonly compatibleFeatures: bigint;
  readonly autoclearFeatures: bigint;
  /** A refcount has 2^refcountOrder bits; 4 in version 2. */
  readonly refcountOrder: number;
  /** 72 in version 2. */
  readonly headerLength: number;
  /** 0 deflate, 1 zstd; 0 where the header is too short to have the field. */
  readonly compressionType: number;
  /** Bytes 112 to headerLength, which nobody knows yet; a rewrite keeps them. */
  readonly unknownFields: Uint8Array;
}

/** The parts of a header that version 2 does not have. */
type VersionFields = Pick<
  Header,
  | "version"
  | "incompatibleFeatures"
  | "compatibleFeatures"
  | "autoclearFeatures"
  | "refcountOrder"
  | "headerLength"
  | "compressionType"
  | "unknownFields"
>;

const STRUCTURE = "header";
const COMPRESSION_TYPE_OFFSET = 104;

/**
 * The header at the start of `bytes`, which must reach to its end: 72 bytes in version 2, header_length in version 3
 * (at most one cluster). More bytes are ignored. Values are not judged: see `checkHeader`.
 *
 * @throws FormatError `QCOW2_BAD_MAGIC`, `QCOW2_UNSUPPORTED_VERSION`, `QCOW2_TRUNCATED`, or `QCOW2_INVALID_FIELD`
 * for a cluster_bits or header_length out of range.
 */
export function decodeHeader(bytes: Uint8Array): Header {
  const reader = new ByteReader(bytes, STRUCTURE);
  const magic = reader.u32(0, "magic");
  if (magic !== QCOW2_MAGIC) {
    const place = { structure: STRUCTURE, field: "magic", offset: 0 };
    throw new FormatError("QCOW2_BAD_MAGIC", "this is not a qcow2 image, it starts with other bytes", place);
  }
  const version = decodeVersion(reader);
  reader.require(0, HEADER_LENGTH_V2, "the fixed fields");
  const clusterBits = reader.u32(20, "cluster_bits");
  checkClusterBits(clusterBits);
  return {
    ...(version === 2 ? versionTwoFields() : decodeVersionThreeFields(reader, clusterBits)),
    backingFileOffset: reader.u64(8, "backing_file_offset"),
    backingFileSize: reader.u32(16, "backing_file_size"),
    clusterBits,
    size: reader.u64(24, "size"),
    cryptMethod: reader.u32(32, "crypt_method"),
    l1Size: reader.u32(36, "l1_size"),
    l1TableOffset: reader.u64(40, "l1_table_offset"),
    refcountTableOffset: reader.u64(48, "refcount_table_offset"),
    refcountTableClusters: reader.u32(56, "refcount_table_clusters"),
    nbSnapshots: reader.u32(60, "nb_snapshots"),
    snapshotsOffset: reader.u64(64, "snapshots_offset"),
  };
}

function decodeVersion(reader: ByteReader): 2 | 3 {
  const version = reader.u32(4, "version");
  if (version === 2 || version === 3) return version;
  const place = { structure: STRUCTURE, field: "version", offset: 4 };
  throw new FormatError("QCOW2_UNSUPPORTED_VERSION", `version is ${version}, supported are 2 and 3`, place);
}

function versionTwoFields(): VersionFields {
  return {
    version: 2,
    incompatibleFeatures: 0n,
    compatibleFeatures: 0n,
    autoclearFeatures: 0n,
    refcountOrder: 4,
    headerLength: HEADER_LENGTH_V2,
    compressionType: 0,
    unknownFields: new Uint8Array(0),
  };
}

function decodeVersionThreeFields(reader: ByteReader, clusterBits: number): VersionFields {
  const headerLength = reader.u32(100, "header_length");
  checkHeaderLength(headerLength, clusterBits);
  reader.require(0, headerLength, "the whole header");
  const hasType = headerLength > COMPRESSION_TYPE_OFFSET;
  const unknownBytes = Math.max(0, headerLength - HEADER_LENGTH_V3);
  return {
    version: 3,
    incompatibleFeatures: reader.u64(72, "incompatible_features"),
    compatibleFeatures: reader.u64(80, "compatible_features"),
    autoclearFeatures: reader.u64(88, "autoclear_features"),
    refcountOrder: reader.u32(96, "refcount_order"),
    headerLength,
    compressionType: hasType ? reader.u8(COMPRESSION_TYPE_OFFSET, "compression_type") : 0,
    unknownFields:
      unknownBytes > 0 ? reader.bytes(HEADER_LENGTH_V3, unknownBytes, "unknown fields") : new Uint8Array(0),
  };
}

/** @throws FormatError `QCOW2_INVALID_FIELD` unless cluster_bits is 9 to 21. */
export function checkClusterBits(clusterBits: number): void {
  if (clusterBits >= CLUSTER_BITS_MIN && clusterBits <= CLUSTER_BITS_MAX) return;
  const problem = `cluster_bits is ${clusterBits}, allowed are ${CLUSTER_BITS_MIN} to ${CLUSTER_BITS_MAX}`;
  throw new FormatError("QCOW2_INVALID_FIELD", problem, {
    structure: STRUCTURE,
    field: "cluster_bits",
    offset: 20,
  });
}

/** @throws FormatError `QCOW2_INVALID_FIELD` unless a version 3 header_length is 104 to one cluster. */
export function checkHeaderLength(headerLength: number, clusterBits: number): void {
  const maximum = 2 ** clusterBits;
  if (headerLength >= HEADER_LENGTH_V3_MIN && headerLength <= maximum) return;
  const problem = `header_length is ${headerLength}, allowed are ${HEADER_LENGTH_V3_MIN} to ${maximum} (a cluster)`;
  throw new FormatError("QCOW2_INVALID_FIELD", problem, {
    structure: STRUCTURE,
    field: "header_length",
    offset: 100,
  });
}

/**
 * The header as `headerLength` bytes (72 in version 2). Padding is zero.
 *
 * @throws FormatError `QCOW2_INVALID_FIELD` for a value that its field cannot hold, or that would be lost: version 2
 * has no features, and unknown fields must have the length that headerLength says.
 */
export function encodeHeader(header: Header): Uint8Array {
  checkClusterBits(header.clusterBits);
  if (header.version === 3) checkHeaderLength(header.headerLength, header.clusterBits);
  checkNothingIsLost(header);
  const writer = new ByteWriter(header.headerLength, STRUCTURE);
  writeSharedFields(writer, header);
  if (header.version === 3) writeVersionThreeFields(writer, header);
  return writer.bytes;
}

function writeSharedFields(writer: ByteWriter, header: Header): void {
  writer.u32(0, "magic", QCOW2_MAGIC);
  writer.u32(4, "version", header.version);
  writer.u64(8, "backing_file_offset", header.backingFileOffset);
  writer.u32(16, "backing_file_size", header.backingFileSize);
  writer.u32(20, "cluster_bits", header.clusterBits);
  writer.u64(24, "size", header.size);
  writer.u32(32, "crypt_method", header.cryptMethod);
  writer.u32(36, "l1_size", header.l1Size);
  writer.u64(40, "l1_table_offset", header.l1TableOffset);
  writer.u64(48, "refcount_table_offset", header.refcountTableOffset);
  writer.u32(56, "refcount_table_clusters", header.refcountTableClusters);
  writer.u32(60, "nb_snapshots", header.nbSnapshots);
  writer.u64(64, "snapshots_offset", header.snapshotsOffset);
}

function writeVersionThreeFields(writer: ByteWriter, header: Header): void {
  writer.u64(72, "incompatible_features", header.incompatibleFeatures);
  writer.u64(80, "compatible_features", header.compatibleFeatures);
  writer.u64(88, "autoclear_features", header.autoclearFeatures);
  writer.u32(96, "refcount_order", header.refcountOrder);
  writer.u32(100, "header_length", header.headerLength);
  if (header.headerLength > COMPRESSION_TYPE_OFFSET) {
    writer.u8(COMPRESSION_TYPE_OFFSET, "compression_type", header.compressionType);
  }
  if (header.unknownFields.length > 0) writer.put(HEADER_LENGTH_V3, header.unknownFields);
}

function checkNothingIsLost(header: Header): void {
  if (header.version === 2) {
    const same = versionTwoFields();
    loses("header_length", header.headerLength !== same.headerLength, header.headerLength);
    loses("incompatible_features", header.incompatibleFeatures !== 0n, header.incompatibleFeatures);
    loses("compatible_features", header.compatibleFeatures !== 0n, header.compatibleFeatures);
    loses("autoclear_features", header.autoclearFeatures !== 0n, header.autoclearFeatures);
    loses("refcount_order", header.refcountOrder !== same.refcountOrder, header.refcountOrder);
  }
  const hasType = header.headerLength > COMPRESSION_TYPE_OFFSET;
  loses("compression_type", !hasType && header.compressionType !== 0, header.compressionType);
  const unknownBytes = Math.max(0, header.headerLength - HEADER_LENGTH_V3);
  const unknownLength = header.unknownFields.length;
  loses(
    "unknown fields",
    unknownLength !== unknownBytes,
    `${unknownLength} bytes instead of ${unknownBytes}`,
  );
}

function loses(field: string, condition: boolean, value: number | bigint | string): void {
  if (!condition) return;
  const problem = `a header of this version and length cannot hold ${field} ${value}`;
  throw new FormatError("QCOW2_INVALID_FIELD", problem, { structure: STRUCTURE, field });
}
