// Owns the contents of the full disk encryption header pointer (specification: "Full disk encryption header pointer").
// Does not own the LUKS header that it points to: see luks-header.ts.

import { ByteReader } from "./byte-reader.js";
import { ByteWriter } from "./byte-writer.js";
import { FormatError } from "./errors.js";
import { hexadecimal } from "./printable.js";

/** Where the encryption header lies; only in images with crypt_method 2. */
export interface CryptoExtension {
  readonly type: "crypto";
  /** Bytes from the start of the file, a multiple of the cluster size. */
  readonly offset: bigint;
  /** Bytes. */
  readonly length: bigint;
}

const STRUCTURE = "encryption header extension";
const BYTES = 16;

/** @throws FormatError `QCOW2_INVALID_FIELD` for a wrong length or an offset that is not cluster aligned. */
export function decodeCryptoExtension(data: Uint8Array, clusterBits: number): CryptoExtension {
  if (data.length !== BYTES) refuse("length", 0, `length is ${data.length}, it must be ${BYTES}`);
  const reader = new ByteReader(data, STRUCTURE);
  const offset = reader.u64(0, "offset");
  if (offset % (1n << BigInt(clusterBits)) !== 0n) {
    refuse("offset", 0, `offset is ${hexadecimal(offset)}, no multiple of the cluster size`);
  }
  return { type: "crypto", offset, length: reader.u64(8, "length") };
}

/** @throws FormatError `QCOW2_INVALID_FIELD` for a value that its field cannot hold. */
export function encodeCryptoExtension(extension: CryptoExtension): Uint8Array {
  const writer = new ByteWriter(BYTES, STRUCTURE);
  writer.u64(0, "offset", extension.offset);
  writer.u64(8, "length", extension.length);
  return writer.bytes;
}

function refuse(field: string, offset: number, problem: string): never {
  throw new FormatError("QCOW2_INVALID_FIELD", problem, { structure: STRUCTURE, field, offset });
}
