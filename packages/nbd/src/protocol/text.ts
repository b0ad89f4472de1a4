// Strings of the protocol: UTF-8 without NUL, at most 4096 bytes. Owns that rule.

import { NbdProtocolError } from "./protocol-error.js";

/** Longest string in bytes. */
export const TEXT_BYTES_MAX = 4096;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Throws `NBD_BAD_STRING` for bytes that are no string of the protocol. */
export function decodeText(bytes: Uint8Array, what: string): string {
  if (bytes.byteLength > TEXT_BYTES_MAX) throw badText(what, "is longer than 4096 bytes");
  if (bytes.includes(0)) throw badText(what, "has a NUL in it");
  try {
    return decoder.decode(bytes);
  } catch {
    throw badText(what, "is not UTF-8");
  }
}

/** Throws `NBD_BAD_STRING` for a string that the protocol cannot carry. */
export function encodeText(text: string, what: string): Uint8Array {
  if (/\p{Surrogate}/u.test(text)) throw badText(what, "has half a surrogate pair in it");
  const bytes = encoder.encode(text);
  if (bytes.byteLength > TEXT_BYTES_MAX) throw badText(what, "is longer than 4096 bytes");
  if (bytes.includes(0)) throw badText(what, "has a NUL in it");
  return bytes;
}

function badText(what: string, problem: string): NbdProtocolError {
  return new NbdProtocolError("NBD_BAD_STRING", `a string of ${what} ${problem}`);
}
