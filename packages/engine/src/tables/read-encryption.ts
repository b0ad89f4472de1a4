// Reads what can be said of an encrypted image without its secret (specification: "Full disk encryption
// header pointer").

import type { IoOptions, ReadableBlockBackend } from "@qcow/block";
import { decodeLuksHeader, FormatError, findExtension, toSafeNumber } from "@qcow/format";
import type { Encryption, ImageHead } from "../image-metadata.js";
import { readAvailable } from "./read-available.js";

const CRYPT_AES = 1;
const LUKS_HEADER_BYTES = 592;

/** How the image is encrypted, or undefined. Rejects with a `FormatError` when the LUKS header is damaged or missing. */
export async function readEncryption(
  backend: ReadableBlockBackend,
  head: ImageHead,
  options: IoOptions = {},
): Promise<Encryption | undefined> {
  const { cryptMethod } = head.header;
  if (cryptMethod === 0) return undefined;
  if (cryptMethod === CRYPT_AES) return { format: "aes" };
  const extension = findExtension(head.extensions, "crypto");
  const place = { structure: "encryption header extension", field: "offset" };
  if (extension === undefined)
    throw new FormatError("QCOW2_INVALID_FIELD", "the extension is missing", place);
  const offset = toSafeNumber(extension.offset, place);
  const bytes = await readAvailable(backend, offset, LUKS_HEADER_BYTES, head.fileSize, options);
  return { format: "luks", luks: decodeLuksHeader(bytes) };
}
