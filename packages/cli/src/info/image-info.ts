// What `info --json` says about an image: keys and values of `qemu-img info --output=json`, in one fixed
// order. Owns the assembly from metadata; nothing is read or printed here.

import { referencedPath } from "@qcow/cli-kit";
import type { ImageMetadata } from "@qcow/engine";
import type { BitmapDirectoryEntry, Snapshot } from "@qcow/format";
import { hasLazyRefcounts, isCorrupt, isDirty, type LuksInfo, luksInfo } from "@qcow/format";

export interface SnapshotInfo {
  readonly id: string;
  readonly name: string;
  readonly "vm-state-size": bigint;
  readonly "date-sec": number;
  readonly "date-nsec": number;
  readonly "vm-clock-sec": bigint;
  readonly "vm-clock-nsec": bigint;
  /** Absent when the machine had no instruction counter. */
  readonly icount?: bigint;
}

export interface BitmapInfo {
  readonly flags: readonly ("in-use" | "auto")[];
  readonly name: string;
  readonly granularity: number;
}

export interface Qcow2Details {
  readonly compat: "0.10" | "1.1";
  readonly "compression-type": "zlib" | "zstd";
  readonly "lazy-refcounts"?: boolean;
  readonly bitmaps?: readonly BitmapInfo[];
  readonly "refcount-bits": number;
  readonly "data-file"?: string;
  readonly "data-file-raw"?: boolean;
  readonly encrypt?: { readonly format: "aes" } | LuksInfo;
  readonly corrupt?: boolean;
  readonly "extended-l2"?: boolean;
}

export interface ImageInfo {
  readonly filename: string;
  readonly format: "qcow2" | "raw";
  readonly "virtual-size": number;
  /** Bytes that the host has allocated for the file; absent when the host does not tell. */
  readonly "actual-size"?: number;
  readonly encrypted?: true;
  readonly "cluster-size"?: number;
  readonly "dirty-flag": boolean;
  readonly "backing-filename"?: string;
  readonly "full-backing-filename"?: string;
  readonly "backing-filename-format"?: string;
  readonly snapshots?: readonly SnapshotInfo[];
  readonly "format-specific"?: { readonly type: "qcow2"; readonly data: Qcow2Details };
}

export interface FileFacts {
  /** The name as the user gave it, or as the chain has it. */
  readonly filename: string;
  /** Bytes that the host has allocated; undefined when it does not tell. */
  readonly allocated: number | undefined;
}

/** A guest sees whole sectors: QEMU leaves out a last incomplete one of a qcow2 disk, and fills that of a raw file. */
const SECTOR_BYTES = 512;

/** Describes a qcow2 image. */
export function imageInfo(metadata: ImageMetadata, { filename, allocated }: FileFacts): ImageInfo {
  const { header, geometry, snapshots } = metadata;
  return {
    filename,
    format: "qcow2",
    "virtual-size": geometry.virtualSize - (geometry.virtualSize % SECTOR_BYTES),
    ...(allocated === undefined ? {} : { "actual-size": allocated }),
    ...(metadata.encryption === undefined ? {} : { encrypted: true as const }),
    "cluster-size": geometry.clusterSize,
    "dirty-flag": isDirty(header),
    ...backingInfo(metadata, filename),
    ...(snapshots.length === 0 ? {} : { snapshots: snapshots.map(snapshotInfo) }),
    "format-specific": { type: "qcow2", data: qcow2Details(metadata) },
  };
}

/** Describes a raw file of a backing chain. */
export function rawInfo(size: number, { filename, allocated }: FileFacts): ImageInfo {
  return {
    filename,
    format: "raw",
    "virtual-size": Math.ceil(size / SECTOR_BYTES) * SECTOR_BYTES,
    ...(allocated === undefined ? {} : { "actual-size": allocated }),
    "dirty-flag": false,
  };
}

function backingInfo({ backingFile }: ImageMetadata, filename: string): Partial<ImageInfo> {
  if (backingFile === undefined) return {};
  return {
    "backing-filename": backingFile.name,
    "full-backing-filename": combinedName(filename, backingFile.name),
    ...(backingFile.format === undefined ? {} : { "backing-filename-format": backingFile.format }),
  };
}

/** The name of a backing file as seen from where the user is. Names with a protocol are left as they are. */
export function combinedName(image: string, name: string): string {
  return /^[^/]*:/.test(name) ? name : referencedPath(image, name);
}

function qcow2Details({ header, geometry, bitmaps, dataFile, encryption }: ImageMetadata): Qcow2Details {
  const encrypt = encryption && {
    encrypt: encryption.format === "aes" ? { format: "aes" as const } : luksInfo(encryption.luks),
  };
  const compressionType = geometry.compressionMethod === "zstd" ? "zstd" : "zlib";
  if (header.version === 2) {
    return {
      compat: "0.10",
      "compression-type": compressionType,
      "refcount-bits": geometry.refcountBits,
      ...encrypt,
    };
  }
  return {
    compat: "1.1",
    "compression-type": compressionType,
    "lazy-refcounts": hasLazyRefcounts(header),
    ...(bitmaps.length === 0 ? {} : { bitmaps: bitmaps.map(bitmapInfo) }),
    "refcount-bits": geometry.refcountBits,
    ...(dataFile === undefined ? {} : { "data-file": dataFile.name, "data-file-raw": dataFile.raw }),
    ...encrypt,
    corrupt: isCorrupt(header),
    "extended-l2": geometry.extendedL2,
  };
}

function bitmapInfo(bitmap: BitmapDirectoryEntry): BitmapInfo {
  const flags: ("in-use" | "auto")[] = [];
  if (bitmap.inUse) flags.push("in-use");
  if (bitmap.auto) flags.push("auto");
  return { flags, name: bitmap.name, granularity: 2 ** bitmap.granularityBits };
}

const NS_PER_SECOND = 1_000_000_000n;

function snapshotInfo(snapshot: Snapshot): SnapshotInfo {
  return {
    id: snapshot.id,
    name: snapshot.name,
    "vm-state-size": snapshot.vmStateSize,
    "date-sec": snapshot.dateSec,
    "date-nsec": snapshot.dateNsec,
    "vm-clock-sec": snapshot.vmClockNsec / NS_PER_SECOND,
    "vm-clock-nsec": snapshot.vmClockNsec % NS_PER_SECOND,
    ...(snapshot.icount === undefined ? {} : { icount: snapshot.icount }),
  };
}
