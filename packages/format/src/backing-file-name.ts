// Owns reading the backing file's name out of the first cluster (specification: "Header", backing_file_offset).
// Does not interpret the name: whether and what to open is policy, and not the codec's.

import { ByteReader } from "./byte-reader.js";
import { checkBackingFile } from "./check-header.js";
import type { Header } from "./header.js";
import { beforeNul, decodeUtf8 } from "./utf8.js";

/** The name of a backing file. */
export interface BackingFileName {
  /** The text up to the first NUL, where QEMU ends it too; what is not UTF-8 is replaced. Escape before printing. */
  readonly name: string;
  /** All bytes that are stored. */
  readonly bytes: Uint8Array;
}

/**
 * The backing file's name, or undefined without one (offset or length 0). `bytes` is the start of the image.
 *
 * @throws FormatError as `checkHeader` for offset and length, `QCOW2_TRUNCATED` if `bytes` ends inside the name.
 */
export function decodeBackingFileName(bytes: Uint8Array, header: Header): BackingFileName | undefined {
  if (header.backingFileOffset === 0n || header.backingFileSize === 0) return undefined;
  checkBackingFile(header);
  const reader = new ByteReader(bytes, "header");
  const stored = reader.bytes(Number(header.backingFileOffset), header.backingFileSize, "backing file name");
  return { name: decodeUtf8(beforeNul(stored)), bytes: stored };
}
