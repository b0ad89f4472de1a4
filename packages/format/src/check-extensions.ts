// Owns the rules between a header and its extensions: which must be there, and which must not.
// Contents that are wrong by themselves were refused when the extensions were decoded.

import { checkBitmapsExtension } from "./bitmaps-extension.js";
import { FormatError } from "./errors.js";
import { hasBitmapsAutoclear, hasDataFile } from "./feature-bits.js";
import type { Header } from "./header.js";
import { findExtension, type HeaderExtension } from "./header-extensions.js";
import { LUKS_HEADER_BYTES } from "./luks-fields.js";

/** crypt_method of images with a LUKS header. */
const CRYPT_METHOD_LUKS = 2;

/**
 * Checks that an image has the extensions that its header needs. A data-file name without the feature bit and a stale
 * bitmaps extension are ignored, as QEMU does.
 *
 * @throws FormatError `QCOW2_INVALID_FIELD`, or `QCOW2_LIMIT_EXCEEDED` for too many bitmaps.
 */
export function checkExtensions(header: Header, extensions: readonly HeaderExtension[]): void {
  checkCrypto(header, extensions);
  checkDataFile(header, extensions);
  const bitmaps = findExtension(extensions, "bitmaps");
  if (bitmaps !== undefined && hasBitmapsAutoclear(header))
    checkBitmapsExtension(bitmaps, header.clusterBits);
}

function checkCrypto(header: Header, extensions: readonly HeaderExtension[]): void {
  const crypto = findExtension(extensions, "crypto");
  const expected = header.cryptMethod === CRYPT_METHOD_LUKS;
  if (crypto === undefined) {
    if (expected)
      refuse("encryption header extension", "type", "crypt_method is 2, but the extension is missing");
    return;
  }
  if (!expected) {
    const problem = `the extension is only for crypt_method 2, the image has ${header.cryptMethod}`;
    refuse("encryption header extension", "type", problem);
  }
  if (crypto.length < BigInt(LUKS_HEADER_BYTES)) {
    const problem = `length is ${crypto.length}, a LUKS header alone has ${LUKS_HEADER_BYTES} bytes`;
    refuse("encryption header extension", "length", problem);
  }
}

function checkDataFile(header: Header, extensions: readonly HeaderExtension[]): void {
  if (!hasDataFile(header)) return;
  const dataFile = findExtension(extensions, "data-file");
  if (dataFile === undefined) {
    refuse(
      "data file extension",
      "type",
      "the image has an external data file, but the extension with its name is missing",
    );
  }
  if (dataFile.name === "")
    refuse("data file extension", "name", "the name of the external data file is empty");
}

function refuse(structure: string, field: string, problem: string): never {
  throw new FormatError("QCOW2_INVALID_FIELD", problem, { structure, field });
}
