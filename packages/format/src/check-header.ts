// Owns the rules that the values of a header must follow before anything else of the image is believed.
// Does not read tables or extensions and does not know the file's length.

import { FormatError, type FormatErrorCode, type FormatErrorPlace } from "./errors.js";
import {
  hasCompressionType,
  hasDataFile,
  hasExtendedL2,
  hasFeatureBit,
  hasRawDataAutoclear,
  knownFeatureMask,
} from "./feature-bits.js";
import type { FeatureName } from "./feature-name-table.js";
import { checkClusterBits, checkHeaderLength, type Header } from "./header.js";
import {
  BACKING_FILE_NAME_BYTES_MAX,
  COMPRESSION_TYPE_MAX,
  CRYPT_METHOD_MAX,
  EXTENDED_L2_CLUSTER_BITS_MIN,
  L1_TABLE_BYTES_MAX,
  REFCOUNT_ORDER_MAX,
  REFCOUNT_TABLE_BYTES_MAX,
  SNAPSHOTS_MAX,
} from "./limits.js";
import { hexadecimal, printable } from "./printable.js";
import { toSafeNumber } from "./safe-number.js";
import { checkTablePlacement } from "./table-placement.js";

/** What a check of a header may overlook or say more about. */
export interface CheckHeaderOptions {
  /** Accept an image without refcount table: one that is opened only to be checked or repaired. */
  readonly toleratesNoRefcountTable?: boolean;
  /** Names for unknown feature bits, from the image's feature name table. */
  readonly featureNames?: readonly FeatureName[];
}

/** Smallest snapshot table entry, in bytes. */
const SNAPSHOT_ENTRY_BYTES_MIN = 40;
/** How many unknown feature bits a message lists. */
const LISTED_FEATURES_MAX = 8;

/**
 * Checks every value of a header against the specification and the limits of `limits.ts`.
 * An L1 table at offset 0 passes: a check of the image reports it.
 *
 * @throws FormatError for the first value that is wrong: `QCOW2_UNSUPPORTED_FEATURE`, `QCOW2_INVALID_FIELD`,
 * `QCOW2_LIMIT_EXCEEDED`, or `QCOW2_OFFSET_TOO_LARGE` for a virtual size or a table past 2^53 - 1.
 */
export function checkHeader(header: Header, options: CheckHeaderOptions = {}): void {
  checkClusterBits(header.clusterBits);
  if (header.version === 3) checkHeaderLength(header.headerLength, header.clusterBits);
  checkBackingFile(header);
  checkFeatures(header, options.featureNames ?? []);
  checkCompression(header);
  checkWidths(header);
  checkL1Table(header);
  checkRefcountTable(header, options.toleratesNoRefcountTable ?? false);
  checkSnapshotTable(header);
  checkSafeNumbers(header);
}

function place(field: string, offset: number): FormatErrorPlace {
  return { structure: "header", field, offset };
}

function refuse(code: FormatErrorCode, field: string, offset: number, problem: string): never {
  throw new FormatError(code, problem, place(field, offset));
}

/** The rules for backing_file_offset and backing_file_size; see `checkHeader`. */
export function checkBackingFile(header: Header): void {
  const clusterSize = 2 ** header.clusterBits;
  const offset = header.backingFileOffset;
  if (offset === 0n) return;
  if (offset > BigInt(clusterSize)) {
    const problem = `backing_file_offset is ${hexadecimal(offset)}, past the first cluster of ${clusterSize} bytes`;
    refuse("QCOW2_INVALID_FIELD", "backing_file_offset", 8, problem);
  }
  const maximum = Math.min(BACKING_FILE_NAME_BYTES_MAX, clusterSize - Number(offset));
  if (header.backingFileSize > maximum) {
    const problem = `backing_file_size is ${header.backingFileSize}, at most ${maximum} are allowed here`;
    refuse("QCOW2_LIMIT_EXCEEDED", "backing_file_size", 16, problem);
  }
}

function checkFeatures(header: Header, names: readonly FeatureName[]): void {
  const unknown = header.incompatibleFeatures & ~knownFeatureMask("incompatible");
  if (unknown !== 0n) {
    const problem = `the image needs features that are not supported: ${describeBits(unknown, names)}`;
    refuse("QCOW2_UNSUPPORTED_FEATURE", "incompatible_features", 72, problem);
  }
  if (hasExtendedL2(header) && header.clusterBits < EXTENDED_L2_CLUSTER_BITS_MIN) {
    const problem = `cluster_bits is ${header.clusterBits}, extended L2 entries need ${EXTENDED_L2_CLUSTER_BITS_MIN}`;
    refuse("QCOW2_INVALID_FIELD", "cluster_bits", 20, `${problem} or more`);
  }
  if (hasRawDataAutoclear(header) && !hasDataFile(header)) {
    const problem = "autoclear_features says raw external data, but the image has no external data file";
    refuse("QCOW2_INVALID_FIELD", "autoclear_features", 88, problem);
  }
}

function describeBits(word: bigint, names: readonly FeatureName[]): string {
  const bits = Array.from({ length: 64 }, (_, bit) => bit).filter((bit) => hasFeatureBit(word, bit));
  const listed = bits.slice(0, LISTED_FEATURES_MAX).map((bit) => {
    const named = names.find(
      (entry) => entry.kind === "incompatible" && entry.bit === bit && entry.name !== "",
    );
    return named === undefined ? `bit ${bit}` : `bit ${bit} (${printable(named.name)})`;
  });
  const others = bits.length - listed.length;
  return others > 0 ? `${listed.join(", ")} and ${others} more` : listed.join(", ");
}

function checkCompression(header: Header): void {
  const type = header.compressionType;
  if (type > COMPRESSION_TYPE_MAX) {
    const problem = `compression_type is ${type}, supported are 0 (deflate) and 1 (zstd)`;
    refuse("QCOW2_UNSUPPORTED_FEATURE", "compression_type", 104, problem);
  }
  if (hasCompressionType(header) !== (type !== 0)) {
    const state = type === 0 ? "set" : "clear";
    const problem = `compression_type is ${type} although the compression type feature bit is ${state}`;
    refuse("QCOW2_INVALID_FIELD", "compression_type", 104, problem);
  }
}

function checkWidths(header: Header): void {
  if (header.cryptMethod > CRYPT_METHOD_MAX) {
    const problem = `crypt_method is ${header.cryptMethod}, supported are 0 to ${CRYPT_METHOD_MAX}`;
    refuse("QCOW2_UNSUPPORTED_FEATURE", "crypt_method", 32, problem);
  }
  if (header.refcountOrder > REFCOUNT_ORDER_MAX) {
    const problem = `refcount_order is ${header.refcountOrder}, allowed are 0 to ${REFCOUNT_ORDER_MAX}`;
    refuse("QCOW2_INVALID_FIELD", "refcount_order", 96, problem);
  }
}

function checkL1Table(header: Header): void {
  const fields = { offset: place("l1_table_offset", 40), entries: place("l1_size", 36) };
  checkTablePlacement(
    {
      table: "L1 table",
      offset: header.l1TableOffset,
      entries: header.l1Size,
      entryBytes: 8,
      bytesMax: L1_TABLE_BYTES_MAX,
      clusterSize: 2 ** header.clusterBits,
    },
    fields,
  );
  const l2Bits = header.clusterBits - (hasExtendedL2(header) ? 4 : 3);
  const perEntry = 1n << BigInt(header.clusterBits + l2Bits);
  const needed = (header.size + perEntry - 1n) / perEntry;
  if (BigInt(header.l1Size) < needed) {
    const problem = `l1_size is ${header.l1Size}, a virtual size of ${header.size} bytes needs ${needed}`;
    refuse("QCOW2_INVALID_FIELD", "l1_size", 36, problem);
  }
}

function checkRefcountTable(header: Header, toleratesNone: boolean): void {
  const clusterSize = 2 ** header.clusterBits;
  const fields = {
    offset: place("refcount_table_offset", 48),
    entries: place("refcount_table_clusters", 56),
  };
  checkTablePlacement(
    {
      table: "refcount table",
      offset: header.refcountTableOffset,
      entries: header.refcountTableClusters * (clusterSize / 8),
      entryBytes: 8,
      bytesMax: REFCOUNT_TABLE_BYTES_MAX,
      clusterSize,
    },
    fields,
  );
  if (header.refcountTableClusters === 0 && !toleratesNone) {
    const problem = "refcount_table_clusters is 0, the image has no refcount table";
    refuse("QCOW2_INVALID_FIELD", "refcount_table_clusters", 56, problem);
  }
}

/** Beyond 2^53 - 1 nothing can be read, wherever the rules above still allow it. */
function checkSafeNumbers(header: Header): void {
  toSafeNumber(header.size, place("size", 24));
  toSafeNumber(header.l1TableOffset, place("l1_table_offset", 40));
  toSafeNumber(header.refcountTableOffset, place("refcount_table_offset", 48));
  toSafeNumber(header.snapshotsOffset, place("snapshots_offset", 64));
}

function checkSnapshotTable(header: Header): void {
  checkTablePlacement(
    {
      table: "snapshot table",
      offset: header.snapshotsOffset,
      entries: header.nbSnapshots,
      entryBytes: SNAPSHOT_ENTRY_BYTES_MIN,
      bytesMax: SNAPSHOT_ENTRY_BYTES_MIN * SNAPSHOTS_MAX,
      clusterSize: 2 ** header.clusterBits,
    },
    { offset: place("snapshots_offset", 64), entries: place("nb_snapshots", 60) },
  );
}
