// What the first cluster says, and what of it is kept: header, extensions, the backing file's name. Owns tolerance: fields
// that make no sense are noted and not followed, where a reader of the image would refuse it.

import {
  decodeHeader,
  EXTENSION_MAGIC,
  extensionAreaEnd,
  FormatError,
  type Header,
  hasExtendedL2,
  knownFeatureMask,
  padTo8,
} from "@qcow/format";
import type { ImageFile, Place } from "./image-file.js";
import { Kept } from "./kept.js";
import type { Notes } from "./notes.js";
import type { Scrub } from "./scrub.js";

const FIRST_READ_BYTES = 64 * 1024;
const PREFIX_BYTES = 8;
/** Codes of errors that a file of some other kind has. */
const OTHER_FILES = new Set(["QCOW2_BAD_MAGIC", "QCOW2_TRUNCATED"]);
/** What is kept of a header that cannot be decoded. */
const UNKNOWN_HEADER_BYTES = 112;
const UNKNOWN_HEADER_CLUSTER = 512;

/** The first cluster, as far as it makes sense. */
export interface SurveyedHeader {
  readonly kept: Kept;
  /** Undefined when it cannot be decoded; then nothing else can be found. */
  readonly header: Header | undefined;
  /** Bytes of an L2 entry. */
  readonly entryBytes: 8 | 16;
  /** Contents of the bitmaps extension. */
  readonly bitmaps: DataView | undefined;
  /** Where the LUKS header lies. */
  readonly encryption: Place | undefined;
}

/** Rejects with a `FormatError` only for a file that is no qcow2 image. */
export async function surveyHeader(
  file: ImageFile,
  notes: Notes,
  scrub: Scrub | undefined,
): Promise<SurveyedHeader> {
  const first = await file.read(0, FIRST_READ_BYTES);
  const header = decoded(first, notes);
  if (header === undefined) {
    const kept = new Kept(file, UNKNOWN_HEADER_CLUSTER);
    kept.keep(0, UNKNOWN_HEADER_BYTES, "plain");
    return { kept, header, entryBytes: 8, bitmaps: undefined, encryption: undefined };
  }
  const kept = new Kept(file, 2 ** header.clusterBits);
  kept.keep(0, header.headerLength, "plain");
  noteFeatures(header, notes);
  const name = backingName(header, kept, notes, scrub);
  const needed = Math.max(extensionAreaEnd(header), name);
  // The list of extensions nearly always ends within the first read; large clusters have room for more.
  const bytes = needed > first.length && first.length < file.size ? await file.read(0, needed) : first;
  const entryBytes = hasExtendedL2(header) ? 16 : 8;
  return { kept, header, entryBytes, ...walkExtensions(bytes, header, kept, { notes, scrub }) };
}

function decoded(first: Uint8Array, notes: Notes): Header | undefined {
  try {
    return decodeHeader(first);
  } catch (error) {
    // Without the magic number it is some other file, whose first bytes are nobody's metadata.
    if (!(error instanceof FormatError) || OTHER_FILES.has(error.code)) throw error;
    notes.add(`the header cannot be decoded, so nothing else was found: ${error.message}`);
    return undefined;
  }
}

function noteFeatures(header: Header, notes: Notes): void {
  const unknown = header.incompatibleFeatures & ~knownFeatureMask("incompatible");
  if (unknown !== 0n)
    notes.add(`the image needs features that are not known here (0x${unknown.toString(16)})`);
}

/** Keeps the backing file's name; gives the offset of its end. */
function backingName(header: Header, kept: Kept, notes: Notes, scrub: Scrub | undefined): number {
  const { backingFileOffset: offset, backingFileSize: size } = header;
  if (offset === 0n || size === 0) return 0;
  if (offset + BigInt(size) > BigInt(kept.clusterSize)) {
    notes.add("the backing file's name lies outside of the first cluster, and is left out");
    return 0;
  }
  kept.keep(Number(offset), size, "plain");
  if (scrub !== undefined) kept.patch(Number(offset), scrub.only("backing", size));
  return Number(offset) + size;
}

interface Extensions {
  bitmaps: DataView | undefined;
  encryption: Place | undefined;
}

function walkExtensions(
  bytes: Uint8Array,
  header: Header,
  kept: Kept,
  { notes, scrub }: { readonly notes: Notes; readonly scrub: Scrub | undefined },
): Extensions {
  const found: Extensions = { bitmaps: undefined, encryption: undefined };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = Math.min(extensionAreaEnd(header), bytes.length);
  let at = header.headerLength;
  while (at + PREFIX_BYTES <= end) {
    const magic = view.getUint32(at);
    const length = view.getUint32(at + 4);
    const start = at + PREFIX_BYTES;
    const isWhole = length <= end - start;
    kept.keep(at, PREFIX_BYTES + (isWhole ? padTo8(length) : 0), "plain");
    if (magic === 0) break;
    if (!isWhole) {
      notes.add(`a header extension of ${length} bytes runs out of its place, and is left out`);
      break;
    }
    const data = new DataView(bytes.buffer, bytes.byteOffset + start, length);
    readExtension(magic, data, found);
    if (scrub !== undefined) scrubExtension(magic, start, length, kept, scrub);
    at = start + padTo8(length);
  }
  return found;
}

function readExtension(magic: number, data: DataView, found: Extensions): void {
  if (magic === EXTENSION_MAGIC.bitmaps && data.byteLength >= 24) found.bitmaps = data;
  if (magic === EXTENSION_MAGIC.crypto && data.byteLength >= 16)
    found.encryption = { offset: Number(data.getBigUint64(0)), length: Number(data.getBigUint64(8)) };
}

/** Names of files become others; what nobody knows becomes zero; the rest names nobody. */
function scrubExtension(magic: number, start: number, length: number, kept: Kept, scrub: Scrub): void {
  const { backingFormat, featureNames, bitmaps, crypto, dataFile } = EXTENSION_MAGIC;
  if (magic === dataFile) kept.patch(start, scrub.only("data-file", length));
  else if (![backingFormat, featureNames, bitmaps, crypto].some((known) => known === magic))
    kept.patch(start, new Uint8Array(length));
}
