// The header of an image as qcow-tool's S-expression. Owns the names and the order of fields; what
// qcow-tool did not know is added where it would have stood, and only when the image has it.

import type { ImageMetadata } from "@qcow/engine";
import {
  type FeatureName,
  type Header,
  type HeaderExtension,
  hasDataFile,
  hasExtendedL2,
  hasLazyRefcounts,
  isCorrupt,
  isDirty,
} from "@qcow/format";
import { bytesAtom, type Sexp, textAtom } from "./sexp.js";

const CRYPT_METHODS = ["None", "Aes", "Luks"];

/** The whole header, with its extensions last in file order first, as qcow-tool lists them. */
export function headerSexp({ header, extensions }: Pick<ImageMetadata, "header" | "extensions">): Sexp {
  return [
    ["version", header.version === 2 ? "Two" : "Three"],
    ["backing_file_offset", int64(header.backingFileOffset)],
    ["backing_file_size", int32(header.backingFileSize)],
    ["cluster_bits", int32(header.clusterBits)],
    ["size", int64(header.size)],
    ["crypt_method", CRYPT_METHODS[header.cryptMethod] ?? int32(header.cryptMethod)],
    ["l1_size", int32(header.l1Size)],
    ["l1_table_offset", physical(header.l1TableOffset)],
    ["refcount_table_offset", physical(header.refcountTableOffset)],
    ["refcount_table_clusters", int32(header.refcountTableClusters)],
    ["nb_snapshots", int32(header.nbSnapshots)],
    ["snapshots_offset", int64(header.snapshotsOffset)],
    ["additional", header.version === 2 ? [] : [additional(header)]],
    ["extensions", extensions.map(extensionSexp).reverse()],
  ];
}

function additional(header: Header): Sexp {
  const fields: Sexp[] = [
    ["dirty", String(isDirty(header))],
    ["corrupt", String(isCorrupt(header))],
    ["lazy_refcounts", String(hasLazyRefcounts(header))],
    ["autoclear_features", int64(header.autoclearFeatures)],
    ["refcount_order", int32(header.refcountOrder)],
  ];
  if (hasDataFile(header)) fields.push(["external_data_file", "true"]);
  if (hasExtendedL2(header)) fields.push(["extended_l2", "true"]);
  if (header.compressionType !== 0)
    fields.push(["compression_type", header.compressionType === 1 ? "Zstd" : int32(header.compressionType)]);
  return fields;
}

function extensionSexp(extension: HeaderExtension): Sexp {
  switch (extension.type) {
    case "backing-format":
      return ["Backing_file", bytesAtom(extension.bytes)];
    case "feature-names":
      return ["Feature_name_table", extension.names.map(featureName)];
    case "bitmaps":
      return [
        "Bitmaps",
        [
          ["nb_bitmaps", int32(extension.count)],
          ["bitmap_directory_size", int64(extension.directorySize)],
          ["bitmap_directory_offset", int64(extension.directoryOffset)],
        ],
      ];
    case "crypto":
      return [
        "Full_disk_encryption",
        [
          ["offset", int64(extension.offset)],
          ["length", int64(extension.length)],
        ],
      ];
    case "data-file":
      return ["External_data_file", bytesAtom(extension.bytes)];
    case "unknown":
      return ["Unknown", [int32(extension.magic), bytesAtom(extension.data)]];
  }
}

const KNOWN_NAMES: Readonly<Record<string, string>> = {
  "dirty bit": "Dirty",
  "corrupt bit": "Corrupt",
  "lazy refcounts": "Lazy_refcounts",
};

function featureName({ kind, bit, name }: FeatureName): Sexp {
  const type = typeof kind === "number" ? int32(kind) : kind.charAt(0).toUpperCase() + kind.slice(1);
  return [
    ["ty", type],
    ["bit", int32(bit)],
    ["feature", KNOWN_NAMES[name] ?? ["Unknown", textAtom(name)]],
  ];
}

/** A table's place, with the two flags that qcow-tool reads out of every pointer. */
function physical(word: bigint): Sexp {
  return [
    ["bytes", (word & ((1n << 62n) - 1n)).toString()],
    ["is_mutable", String(((word >> 63n) & 1n) === 1n)],
    ["is_compressed", String(((word >> 62n) & 1n) === 1n)],
  ];
}

/** qcow-tool reads all integers as signed. */
function int32(value: number): string {
  return (value | 0).toString();
}

function int64(value: bigint): string {
  return BigInt.asIntN(64, value).toString();
}
