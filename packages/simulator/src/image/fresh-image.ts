// Lays an empty image out by hand, so that runs do not depend on the engine's own way to create one. Owns the header,
// its extensions and the bitmaps; refcounts are rebuild-refcounts' business.

import {
  AUTOCLEAR_BITMAPS_BIT,
  AUTOCLEAR_RAW_DATA_FILE_BIT,
  BITMAP_FLAG_AUTO,
  backingFormatExtension,
  COMPATIBLE_LAZY_REFCOUNTS_BIT,
  dataFileExtension,
  encodeBitmapDirectory,
  encodeHeader,
  encodeHeaderExtensions,
  type Header,
  type HeaderExtension,
  hasExtendedL2,
  INCOMPATIBLE_COMPRESSION_BIT,
  INCOMPATIBLE_DATA_FILE_BIT,
  INCOMPATIBLE_EXTENDED_L2_BIT,
} from "@qcow/format";
import type { ImageShape } from "../plan/shape.js";
import { ImageFile } from "./image-file.js";
import { rebuildRefcounts } from "./rebuild-refcounts.js";

/** Names by which the image knows its other files. */
export const BACKING_NAME = "base";
export const DATA_NAME = "data";

const COPIED = 1n << 63n;

/** The geometry of an image, without its history. */
export type FreshShape = Pick<
  ImageShape,
  | "version"
  | "clusterBits"
  | "refcountBits"
  | "extendedL2"
  | "compression"
  | "lazy"
  | "size"
  | "backing"
  | "dataFile"
  | "bitmaps"
>;

export function freshImage(shape: FreshShape): Uint8Array {
  const clusterSize = 2 ** shape.clusterBits;
  const file = new ImageFile(new Uint8Array(clusterSize), clusterSize);
  const header = headerOf(shape);
  const l1TableOffset = BigInt(file.append(header.l1Size * 8));
  if (shape.dataFile === "raw") mapWholeDataFile(file, Number(l1TableOffset), header);
  const extensions = extensionsOf(shape, file);
  const encoded = encodeHeaderExtensions(extensions);
  const name = new TextEncoder().encode(shape.backing === undefined ? "" : BACKING_NAME);
  const nameOffset = header.headerLength + encoded.length;
  const backing =
    name.length === 0 ? {} : { backingFileOffset: BigInt(nameOffset), backingFileSize: name.length };
  file.put(0, encodeHeader({ ...header, ...backing, l1TableOffset }));
  file.put(header.headerLength, encoded);
  file.put(nameOffset, name);
  rebuildRefcounts(file);
  return file.bytes;
}

function headerOf(shape: FreshShape): Header {
  const { version, clusterBits, extendedL2, compression, lazy, size, dataFile, bitmaps } = shape;
  const guestBytesPerL2 = 2 ** (clusterBits * 2 - (extendedL2 ? 4 : 3));
  return {
    version,
    backingFileOffset: 0n,
    backingFileSize: 0,
    clusterBits,
    size: BigInt(size),
    cryptMethod: 0,
    l1Size: Math.ceil(size / guestBytesPerL2),
    l1TableOffset: 0n,
    refcountTableOffset: 0n,
    refcountTableClusters: 0,
    nbSnapshots: 0,
    snapshotsOffset: 0n,
    incompatibleFeatures:
      bit(INCOMPATIBLE_DATA_FILE_BIT, dataFile !== undefined) |
      bit(INCOMPATIBLE_COMPRESSION_BIT, compression === "zstd") |
      bit(INCOMPATIBLE_EXTENDED_L2_BIT, extendedL2),
    compatibleFeatures: bit(COMPATIBLE_LAZY_REFCOUNTS_BIT, lazy),
    autoclearFeatures:
      bit(AUTOCLEAR_RAW_DATA_FILE_BIT, dataFile === "raw") | bit(AUTOCLEAR_BITMAPS_BIT, bitmaps),
    refcountOrder: Math.log2(shape.refcountBits),
    headerLength: version === 2 ? 72 : 112,
    compressionType: compression === "zstd" ? 1 : 0,
    unknownFields: new Uint8Array(0),
  };
}

function bit(number: number, isSet: boolean): bigint {
  return isSet ? 1n << BigInt(number) : 0n;
}

function extensionsOf(shape: FreshShape, file: ImageFile): HeaderExtension[] {
  const extensions: HeaderExtension[] = [];
  if (shape.backing !== undefined) extensions.push(backingFormatExtension(shape.backing.format));
  if (shape.dataFile !== undefined) extensions.push(dataFileExtension(DATA_NAME));
  if (shape.bitmaps) extensions.push(addBitmap(shape, file));
  return extensions;
}

// A data file that is a disk by itself needs every cluster to be mapped, as QEMU does it: otherwise the file could have
// what the image, after a crash, does not know of.
function mapWholeDataFile(file: ImageFile, l1: number, { l1Size, clusterBits, ...header }: Header): void {
  const clusterSize = 2 ** clusterBits;
  const isExtended = hasExtendedL2(header);
  const entryBytes = isExtended ? 16 : 8;
  for (let index = 0; index < l1Size; index++) {
    const table = file.append(clusterSize);
    file.view.setBigUint64(l1 + index * 8, BigInt(table));
    for (let at = 0; at < clusterSize; at += entryBytes) {
      const guest = ((index * clusterSize + at) / entryBytes) * clusterSize;
      if (guest >= Number(header.size)) return;
      file.view.setBigUint64(table + at, COPIED | BigInt(guest));
      if (isExtended) file.view.setUint32(table + at + 12, 0xffff_ffff);
    }
  }
}

/** A bitmap that covers the disk: the first part of it is stored, the others are all clean or all dirty. */
function addBitmap({ size }: FreshShape, file: ImageFile): HeaderExtension {
  const granularityBits = 9;
  const tableSize = Math.max(1, Math.ceil(Math.ceil(size / 2 ** granularityBits) / (file.clusterSize * 8)));
  const data = file.appendBytes(new Uint8Array(file.clusterSize).fill(0x55));
  const tableOffset = file.append(tableSize * 8);
  file.view.setBigUint64(tableOffset, BigInt(data));
  for (let index = 1; index < tableSize; index++) file.view.setUint32(tableOffset + index * 8 + 4, index % 2);
  const directory = encodeBitmapDirectory([
    {
      tableOffset: BigInt(tableOffset),
      tableSize,
      flags: BITMAP_FLAG_AUTO,
      inUse: false,
      auto: true,
      extraDataCompatible: false,
      type: 1,
      granularityBits,
      name: "bits",
      nameBytes: new TextEncoder().encode("bits"),
      extraData: new Uint8Array(0),
    },
  ]);
  const directoryOffset = BigInt(file.appendBytes(directory));
  return { type: "bitmaps", count: 1, directorySize: BigInt(directory.length), directoryOffset };
}
