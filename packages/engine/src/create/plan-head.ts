// The first cluster of a new image: header, extensions, name of the backing file. Pure; knows nothing of the tables
// but where they lie.

import {
  AUTOCLEAR_RAW_DATA_FILE_BIT,
  backingFormatExtension,
  COMPATIBLE_LAZY_REFCOUNTS_BIT,
  dataFileExtension,
  encodeHeader,
  encodeHeaderExtensions,
  HEADER_LENGTH_V2,
  HEADER_LENGTH_V3,
  type Header,
  type HeaderExtension,
  INCOMPATIBLE_COMPRESSION_BIT,
  INCOMPATIBLE_DATA_FILE_BIT,
  INCOMPATIBLE_EXTENDED_L2_BIT,
  KNOWN_FEATURES,
} from "@qcow/format";
import { EngineError } from "../engine-error.js";
import type { SettledOptions } from "./settle-options.js";

/**
 * Below this QEMU leaves out the names of the feature bits, which nothing but messages needs: the first cluster has
 * better uses.
 */
const FEATURE_NAMES_CLUSTER_SIZE_MIN = 8192;

/** Where the tables lie. */
export type Places = Pick<
  Header,
  "l1Size" | "l1TableOffset" | "refcountTableOffset" | "refcountTableClusters"
>;

export interface HeadPlan {
  readonly header: Header;
  /** The first cluster, up to where it becomes zero. */
  readonly head: Uint8Array;
}

/** @throws EngineError `QCOW2_BAD_OPTION` when the names do not fit into the first cluster. */
export function planHead(options: SettledOptions, places: Places): HeadPlan {
  const bare = headerOf(options, places);
  const extensions = encodeHeaderExtensions(extensionsOf(options));
  const name = new TextEncoder().encode(options.backingFile?.name ?? "");
  const nameOffset = bare.headerLength + extensions.byteLength;
  const length = nameOffset + name.byteLength;
  const clusterSize = 2 ** options.clusterBits;
  if (length > clusterSize) {
    throw new EngineError(
      "QCOW2_BAD_OPTION",
      `the names of the files take ${length} bytes of the first cluster, which has only ${clusterSize}`,
    );
  }
  const header =
    name.byteLength === 0
      ? bare
      : { ...bare, backingFileOffset: BigInt(nameOffset), backingFileSize: name.byteLength };
  const head = new Uint8Array(length);
  head.set(encodeHeader(header), 0);
  head.set(extensions, bare.headerLength);
  head.set(name, nameOffset);
  return { header, head };
}

/** The header without a backing file's name. */
function headerOf(options: SettledOptions, places: Places): Header {
  const { version, dataFile } = options;
  const zstd = options.compressionMethod === "zstd";
  return {
    version,
    backingFileOffset: 0n,
    backingFileSize: 0,
    clusterBits: options.clusterBits,
    size: BigInt(options.size),
    cryptMethod: 0,
    ...places,
    nbSnapshots: 0,
    snapshotsOffset: 0n,
    incompatibleFeatures:
      bitIf(dataFile !== undefined, INCOMPATIBLE_DATA_FILE_BIT) |
      bitIf(zstd, INCOMPATIBLE_COMPRESSION_BIT) |
      bitIf(options.extendedL2, INCOMPATIBLE_EXTENDED_L2_BIT),
    compatibleFeatures: bitIf(options.lazyRefcounts, COMPATIBLE_LAZY_REFCOUNTS_BIT),
    autoclearFeatures: bitIf(dataFile?.raw === true, AUTOCLEAR_RAW_DATA_FILE_BIT),
    refcountOrder: options.refcountOrder,
    headerLength: version === 2 ? HEADER_LENGTH_V2 : HEADER_LENGTH_V3,
    compressionType: zstd ? 1 : 0,
    unknownFields: new Uint8Array(0),
  };
}

function bitIf(condition: boolean, bit: number): bigint {
  return condition ? 1n << BigInt(bit) : 0n;
}

function extensionsOf({ backingFile, dataFile, version, clusterBits }: SettledOptions): HeaderExtension[] {
  const extensions: HeaderExtension[] = [];
  if (backingFile?.format !== undefined) extensions.push(backingFormatExtension(backingFile.format));
  if (dataFile !== undefined) extensions.push(dataFileExtension(dataFile.name));
  if (version === 3 && 2 ** clusterBits >= FEATURE_NAMES_CLUSTER_SIZE_MIN)
    extensions.push({ type: "feature-names", names: KNOWN_FEATURES });
  return extensions;
}
