// Owns the contents of the bitmaps header extension (specification: "Bitmaps extension").
// Does not own the directory that it points to: see bitmap-directory.ts.

import { ByteReader } from "./byte-reader.js";
import { ByteWriter } from "./byte-writer.js";
import { FormatError, type FormatErrorCode } from "./errors.js";
import { BITMAP_DIRECTORY_BYTES_MAX, BITMAPS_MAX } from "./limits.js";
import { hexadecimal } from "./printable.js";

/** Where the bitmap directory lies. Meaningful only while the autoclear bit `bitmaps` is set. */
export interface BitmapsExtension {
  readonly type: "bitmaps";
  /** Number of bitmaps, 1 to 65535. */
  readonly count: number;
  /** Bytes, to the end of the last padded entry. */
  readonly directorySize: bigint;
  /** Bytes from the start of the file, a multiple of the cluster size. */
  readonly directoryOffset: bigint;
}

const STRUCTURE = "bitmaps extension";
const BYTES = 24;

/** @throws FormatError `QCOW2_INVALID_FIELD` or `QCOW2_LIMIT_EXCEEDED`. */
export function decodeBitmapsExtension(data: Uint8Array, clusterBits: number): BitmapsExtension {
  if (data.length !== BYTES) {
    refuse("QCOW2_INVALID_FIELD", "length", 0, `length is ${data.length}, it must be ${BYTES}`);
  }
  const reader = new ByteReader(data, STRUCTURE);
  const reserved = reader.u32(4, "reserved");
  if (reserved !== 0)
    refuse("QCOW2_INVALID_FIELD", "reserved", 4, `the reserved field is ${reserved}, it must be 0`);
  const extension: BitmapsExtension = {
    type: "bitmaps",
    count: reader.u32(0, "nb_bitmaps"),
    directorySize: reader.u64(8, "bitmap_directory_size"),
    directoryOffset: reader.u64(16, "bitmap_directory_offset"),
  };
  checkBitmapsExtension(extension, clusterBits);
  return extension;
}

/** @throws FormatError `QCOW2_INVALID_FIELD` or `QCOW2_LIMIT_EXCEEDED` for a value out of range. */
export function checkBitmapsExtension(extension: BitmapsExtension, clusterBits: number): void {
  const { count, directorySize, directoryOffset } = extension;
  if (count === 0)
    refuse("QCOW2_INVALID_FIELD", "nb_bitmaps", 0, "nb_bitmaps is 0, then there is no extension");
  if (count > BITMAPS_MAX) {
    refuse(
      "QCOW2_LIMIT_EXCEEDED",
      "nb_bitmaps",
      0,
      `nb_bitmaps is ${count}, at most ${BITMAPS_MAX} are allowed`,
    );
  }
  if (directorySize === 0n) {
    refuse("QCOW2_INVALID_FIELD", "bitmap_directory_size", 8, "bitmap_directory_size is 0");
  }
  if (directorySize > BigInt(BITMAP_DIRECTORY_BYTES_MAX)) {
    const problem = `bitmap_directory_size is ${directorySize}, at most ${BITMAP_DIRECTORY_BYTES_MAX} are allowed`;
    refuse("QCOW2_LIMIT_EXCEEDED", "bitmap_directory_size", 8, problem);
  }
  if (directoryOffset % (1n << BigInt(clusterBits)) !== 0n) {
    const problem = `bitmap_directory_offset is ${hexadecimal(directoryOffset)}, no multiple of the cluster size`;
    refuse("QCOW2_INVALID_FIELD", "bitmap_directory_offset", 16, problem);
  }
}

/** @throws FormatError `QCOW2_INVALID_FIELD` for a value that its field cannot hold. */
export function encodeBitmapsExtension(extension: BitmapsExtension): Uint8Array {
  const writer = new ByteWriter(BYTES, STRUCTURE);
  writer.u32(0, "nb_bitmaps", extension.count);
  writer.u64(8, "bitmap_directory_size", extension.directorySize);
  writer.u64(16, "bitmap_directory_offset", extension.directoryOffset);
  return writer.bytes;
}

function refuse(code: FormatErrorCode, field: string, offset: number, problem: string): never {
  throw new FormatError(code, problem, { structure: STRUCTURE, field, offset });
}
