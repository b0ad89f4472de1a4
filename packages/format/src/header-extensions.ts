// Owns the header extension area: walking it, the contents of each extension, and writing it back
// (specification: "Header extensions"). Rules between extensions and the header are in check-extensions.ts.

import {
  type BitmapsExtension,
  decodeBitmapsExtension,
  encodeBitmapsExtension,
} from "./bitmaps-extension.js";
import { ByteReader } from "./byte-reader.js";
import { ByteWriter, padTo8 } from "./byte-writer.js";
import { type CryptoExtension, decodeCryptoExtension, encodeCryptoExtension } from "./crypto-extension.js";
import { FormatError, isFormatError } from "./errors.js";
import { hasBitmapsAutoclear } from "./feature-bits.js";
import { decodeFeatureNames, encodeFeatureNames, type FeatureName } from "./feature-name-table.js";
import type { Header } from "./header.js";
import { BACKING_FORMAT_BYTES_MAX } from "./limits.js";
import { hexadecimal } from "./printable.js";
import { beforeNul, decodeUtf8, encodeUtf8 } from "./utf8.js";

/** Format of the backing file, e.g. `qcow2` or `raw`. `bytes` is what is stored, `format` its text up to a NUL. */
export interface BackingFormatExtension {
  readonly type: "backing-format";
  readonly format: string;
  readonly bytes: Uint8Array;
}

/** Names that the image gives to feature bits. */
export interface FeatureNamesExtension {
  readonly type: "feature-names";
  readonly names: readonly FeatureName[];
}

/** Name of the external data file. `bytes` is what is stored, `name` its text up to a NUL. */
export interface DataFileExtension {
  readonly type: "data-file";
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** An extension that is not known, or a stale bitmaps extension that makes no sense; a rewrite keeps it. */
export interface UnknownExtension {
  readonly type: "unknown";
  readonly magic: number;
  readonly data: Uint8Array;
}

export type HeaderExtension =
  | BackingFormatExtension
  | FeatureNamesExtension
  | BitmapsExtension
  | CryptoExtension
  | DataFileExtension
  | UnknownExtension;

/** The extensions of an image, in their order. */
export interface HeaderExtensions {
  readonly extensions: HeaderExtension[];
  /** Where reading stopped: just past the end marker, or past the last extension where there is no marker. */
  readonly end: number;
}

/** The type words of the extensions that are known; 0 is the end marker. */
export const EXTENSION_MAGIC = {
  backingFormat: 0xe2792aca,
  featureNames: 0x6803f857,
  bitmaps: 0x23852875,
  crypto: 0x0537be77,
  dataFile: 0x44415441,
} as const;

const STRUCTURE = "header extension";
const PREFIX_BYTES = 8;

/**
 * The extensions in the area from the end of the header to the backing file's name or the end of the first cluster.
 *
 * `bytes` is the start of the image, at least up to the end of that area or of the file; `atEndOfFile` says that the
 * file ends where `bytes` does, which then ends the list as an end marker would.
 *
 * @throws FormatError `QCOW2_LIMIT_EXCEEDED` for an extension that ends past its area or a name that is too long,
 * `QCOW2_INVALID_FIELD` for contents that are wrong, `QCOW2_TRUNCATED` if `bytes` ends inside an extension, or before
 * the area does without being at the end of the file.
 */
export function decodeHeaderExtensions(
  bytes: Uint8Array,
  header: Header,
  atEndOfFile = false,
): HeaderExtensions {
  const reader = new ByteReader(bytes, STRUCTURE);
  const areaEnd = extensionAreaEnd(header);
  const extensions: HeaderExtension[] = [];
  let at = header.headerLength;
  while (at + PREFIX_BYTES <= areaEnd && !(atEndOfFile && isBlankTail(bytes, at))) {
    const magic = reader.u32(at, "type");
    const length = reader.u32(at + 4, "length");
    const start = at + PREFIX_BYTES;
    if (magic === 0) return { extensions, end: start };
    if (length > areaEnd - start) throw tooLarge(magic, length, at, areaEnd);
    extensions.push(decodeExtension(magic, reader.bytes(start, length, "data"), header));
    at = start + padTo8(length);
  }
  return { extensions, end: Math.min(at, areaEnd) };
}

/** Offset in bytes where the extension area ends: at the backing file's name, else with the first cluster. */
export function extensionAreaEnd(header: Pick<Header, "backingFileOffset" | "clusterBits">): number {
  const clusterSize = 2 ** header.clusterBits;
  const nameOffset = header.backingFileOffset;
  return nameOffset > 0n && nameOffset < BigInt(clusterSize) ? Number(nameOffset) : clusterSize;
}

/** Whether what is left of a file is less than an extension and all zero. */
function isBlankTail(bytes: Uint8Array, at: number): boolean {
  return bytes.length - at < PREFIX_BYTES && bytes.subarray(at).every((byte) => byte === 0);
}

function tooLarge(magic: number, length: number, at: number, areaEnd: number): FormatError {
  const problem = `the extension of type ${hexadecimal(magic)} at offset ${at} has ${length} bytes, `;
  const place = { structure: STRUCTURE, field: "length", offset: at + 4 };
  return new FormatError(
    "QCOW2_LIMIT_EXCEEDED",
    `${problem}the area for extensions ends at ${areaEnd}`,
    place,
  );
}

function decodeExtension(magic: number, data: Uint8Array, header: Header): HeaderExtension {
  switch (magic) {
    case EXTENSION_MAGIC.backingFormat:
      return decodeBackingFormat(data);
    case EXTENSION_MAGIC.featureNames:
      return { type: "feature-names", names: decodeFeatureNames(data) };
    case EXTENSION_MAGIC.bitmaps:
      return hasBitmapsAutoclear(header)
        ? decodeBitmapsExtension(data, header.clusterBits)
        : decodeStaleBitmaps(data, header.clusterBits);
    case EXTENSION_MAGIC.crypto:
      return decodeCryptoExtension(data, header.clusterBits);
    case EXTENSION_MAGIC.dataFile:
      return { type: "data-file", name: decodeUtf8(beforeNul(data)), bytes: data };
    default:
      return { type: "unknown", magic, data };
  }
}

function decodeBackingFormat(bytes: Uint8Array): BackingFormatExtension {
  if (bytes.length > BACKING_FORMAT_BYTES_MAX) {
    const problem = `the format name has ${bytes.length} bytes, at most ${BACKING_FORMAT_BYTES_MAX} are allowed`;
    const place = { structure: "backing format extension", field: "length", offset: 0 };
    throw new FormatError("QCOW2_LIMIT_EXCEEDED", problem, place);
  }
  return { type: "backing-format", format: decodeUtf8(beforeNul(bytes)), bytes };
}

/** Nobody reads stale bitmaps, so nothing in their extension can be wrong enough to refuse the image. */
function decodeStaleBitmaps(data: Uint8Array, clusterBits: number): HeaderExtension {
  try {
    return decodeBitmapsExtension(data, clusterBits);
  } catch (error) {
    if (!isFormatError(error)) throw error;
    return { type: "unknown", magic: EXTENSION_MAGIC.bitmaps, data };
  }
}

/** The extension that names the backing file's format; at most 15 bytes of UTF-8. */
export function backingFormatExtension(format: string): BackingFormatExtension {
  return decodeBackingFormat(encodeUtf8(format));
}

/** The extension that names the external data file. */
export function dataFileExtension(name: string): DataFileExtension {
  return { type: "data-file", name, bytes: encodeUtf8(name) };
}

/**
 * The extension of a type that counts: the last one, should there be several, as QEMU reads them.
 */
export function findExtension<T extends HeaderExtension["type"]>(
  extensions: readonly HeaderExtension[],
  type: T,
): Extract<HeaderExtension, { type: T }> | undefined {
  return extensions.findLast((entry): entry is Extract<HeaderExtension, { type: T }> => entry.type === type);
}

/**
 * The names for feature bits in an image whose header may need features that are not known, so that an error can name
 * them; none where the extensions cannot be read. Never throws for what the bytes hold.
 */
export function findFeatureNames(bytes: Uint8Array, header: Header): readonly FeatureName[] {
  try {
    const { extensions } = decodeHeaderExtensions(bytes, header, true);
    return findExtension(extensions, "feature-names")?.names ?? [];
  } catch (error) {
    if (!isFormatError(error)) throw error;
    return [];
  }
}

/**
 * The extension area: every extension padded to 8 bytes, then the end marker.
 *
 * @throws FormatError `QCOW2_INVALID_FIELD` for a value that its field cannot hold, or an unknown extension of type 0;
 * `QCOW2_LIMIT_EXCEEDED` for a format name of more than 15 bytes.
 */
export function encodeHeaderExtensions(extensions: readonly HeaderExtension[]): Uint8Array {
  const encoded = extensions.map((extension) => ({ magic: magicOf(extension), data: encodeData(extension) }));
  const total = encoded.reduce((sum, { data }) => sum + PREFIX_BYTES + padTo8(data.length), PREFIX_BYTES);
  const writer = new ByteWriter(total, STRUCTURE);
  let at = 0;
  for (const { magic, data } of encoded) {
    writer.u32(at, "type", magic);
    writer.u32(at + 4, "length", data.length);
    writer.put(at + PREFIX_BYTES, data);
    at += PREFIX_BYTES + padTo8(data.length);
  }
  return writer.bytes;
}

function magicOf(extension: HeaderExtension): number {
  switch (extension.type) {
    case "backing-format":
      return EXTENSION_MAGIC.backingFormat;
    case "feature-names":
      return EXTENSION_MAGIC.featureNames;
    case "bitmaps":
      return EXTENSION_MAGIC.bitmaps;
    case "crypto":
      return EXTENSION_MAGIC.crypto;
    case "data-file":
      return EXTENSION_MAGIC.dataFile;
    case "unknown":
      return requireMagic(extension.magic);
  }
}

function requireMagic(magic: number): number {
  if (magic !== 0) return magic;
  const place = { structure: STRUCTURE, field: "type" };
  throw new FormatError("QCOW2_INVALID_FIELD", "type 0 is the end marker, no extension can have it", place);
}

function encodeData(extension: HeaderExtension): Uint8Array {
  switch (extension.type) {
    case "backing-format":
      return decodeBackingFormat(extension.bytes).bytes;
    case "feature-names":
      return encodeFeatureNames(extension.names);
    case "bitmaps":
      return encodeBitmapsExtension(extension);
    case "crypto":
      return encodeCryptoExtension(extension);
    case "data-file":
      return extension.bytes;
    case "unknown":
      return extension.data;
  }
}
