// Reads and checks the first cluster: header, extensions, names. Owns how much of it is read: one request
// of 64 KiB serves nearly every image.

import type { IoOptions, ReadableBlockBackend } from "@qcow/block";
import {
  checkExtensions,
  checkHeader,
  decodeBackingFileName,
  decodeHeader,
  decodeHeaderExtensions,
  extensionAreaEnd,
  findExtension,
  findFeatureNames,
  type Geometry,
  geometryOf,
  type Header,
  type HeaderExtension,
  hasDataFile,
  isFormatError,
} from "@qcow/format";
import type { BackingReference, DataFileReference, ImageHead } from "./image-metadata.js";
import { readAvailable } from "./tables/read-available.js";

const FIRST_READ_BYTES = 64 * 1024;

export interface HeadOptions extends IoOptions {
  /** Accept an image without a refcount table, to check it. */
  readonly toleratesNoRefcountTable?: boolean | undefined;
}

/** Reads what the first cluster of `backend` says. Rejects with a `FormatError` for anything that is no sound image. */
export async function readHead(backend: ReadableBlockBackend, options: HeadOptions = {}): Promise<ImageHead> {
  const fileSize = await backend.size(options);
  const first = await readAvailable(backend, 0, FIRST_READ_BYTES, fileSize, options);
  const header = decodeHeader(first);
  checkHeader(header, {
    toleratesNoRefcountTable: options.toleratesNoRefcountTable ?? false,
    featureNames: findFeatureNames(first, header),
  });
  const geometry = geometryOf(header);
  const needed = Math.min(geometry.clusterSize, fileSize, headEnd(header));
  const bytes = isWhole(first, header, needed)
    ? first
    : await readAvailable(backend, 0, needed, fileSize, options);
  const { extensions } = decodeHeaderExtensions(bytes, header, bytes.byteLength >= fileSize);
  checkExtensions(header, extensions);
  return {
    label: backend.label,
    fileSize,
    header,
    geometry,
    extensions,
    backingFile: backingReference(bytes, header, extensions),
    dataFile: dataFileReference(header, geometry, extensions),
  };
}

// Large clusters can hold much, but rarely do: mostly the list of extensions ends within the first read.
function isWhole(first: Uint8Array, header: Header, needed: number): boolean {
  if (needed <= first.byteLength) return true;
  if (nameEnd(header) > first.byteLength) return false;
  try {
    decodeHeaderExtensions(first, header);
    return true;
  } catch (error) {
    if (isFormatError(error)) return false;
    throw error;
  }
}

function nameEnd(header: Header): number {
  return Number(header.backingFileOffset) + header.backingFileSize;
}

// How far extensions and the backing file's name can reach.
function headEnd(header: Header): number {
  return Math.max(extensionAreaEnd(header), nameEnd(header));
}

function backingReference(
  bytes: Uint8Array,
  header: Header,
  extensions: readonly HeaderExtension[],
): BackingReference | undefined {
  const name = decodeBackingFileName(bytes, header);
  if (name === undefined) return undefined;
  return { ...name, format: findExtension(extensions, "backing-format")?.format };
}

function dataFileReference(
  header: Header,
  geometry: Geometry,
  extensions: readonly HeaderExtension[],
): DataFileReference | undefined {
  if (!hasDataFile(header)) return undefined;
  return { name: findExtension(extensions, "data-file")?.name ?? "", raw: geometry.dataFileRaw };
}
