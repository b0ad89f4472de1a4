// Owns the names of ciphers, modes, IV generators and hashes in a LUKS header, and what they mean together.
// Does not encrypt: it only tells which algorithms would.

import { FormatError } from "./errors.js";
import { printable } from "./printable.js";

/** The algorithms of a LUKS header, named as `qemu-img info` names them. */
export interface LuksAlgorithms {
  /** Cipher and key size in bits, e.g. `aes-256`; with xts half of the key counts. */
  readonly cipherAlg: string;
  /** `xts`, `cbc`, `ecb` or `ctr`. */
  readonly cipherMode: string;
  /** `plain`, `plain64` or `essiv`. */
  readonly ivgenAlg: string;
  /** Hash of the IV generator, only with `essiv`. */
  readonly ivgenHashAlg: string | undefined;
  readonly hashAlg: string;
}

/** The names in a header that algorithms follow from. */
export interface LuksNames {
  readonly cipherName: string;
  readonly cipherMode: string;
  readonly hashSpec: string;
  /** Length of the master key in bytes. */
  readonly keyBytes: number;
}

const STRUCTURE = "LUKS header";
const OFFSETS: Record<string, number> = {
  "cipher-name": 8,
  "cipher-mode": 40,
  "hash-spec": 72,
  "key-bytes": 108,
};
const MODES = ["ecb", "cbc", "xts", "ctr"];
const IV_GENERATORS = ["plain", "plain64", "essiv"];

/** Bytes of each hash. */
const HASH_BYTES = new Map([
  ["md5", 16],
  ["sha1", 20],
  ["sha224", 28],
  ["sha256", 32],
  ["sha384", 48],
  ["sha512", 64],
  ["ripemd160", 20],
]);

/** Each cipher by key bytes. */
const CIPHERS = new Map<string, ReadonlyMap<number, string>>([
  ["aes", sizes("aes")],
  ["serpent", sizes("serpent")],
  ["twofish", sizes("twofish")],
  ["cast5", new Map([[16, "cast5-128"]])],
  ["3des", new Map([[24, "3des"]])],
]);

function sizes(name: string): ReadonlyMap<number, string> {
  return new Map([16, 24, 32].map((bytes) => [bytes, `${name}-${bytes * 8}`]));
}

/**
 * What the names in a LUKS header stand for.
 *
 * @throws FormatError `QCOW2_UNSUPPORTED_FEATURE` for a name or a key size that is not known, `QCOW2_INVALID_FIELD`
 * for essiv without a hash.
 */
export function luksAlgorithms(names: LuksNames): LuksAlgorithms {
  const [mode = "", ...rest] = names.cipherMode.split("-");
  const [generator = "", hash] = splitOnce(rest.join("-"));
  requireKnown("hash-spec", names.hashSpec, HASH_BYTES.has(names.hashSpec));
  requireKnown("cipher-mode", names.cipherMode, MODES.includes(mode) && IV_GENERATORS.includes(generator));
  if (hash !== undefined) requireKnown("cipher-mode", names.cipherMode, HASH_BYTES.has(hash));
  const essiv = generator === "essiv";
  if (essiv) checkEssiv(names, hash);
  return {
    cipherAlg: cipherOf(names, mode === "xts" ? names.keyBytes / 2 : names.keyBytes),
    cipherMode: mode,
    ivgenAlg: generator,
    ivgenHashAlg: essiv ? hash : undefined,
    hashAlg: names.hashSpec,
  };
}

function splitOnce(text: string): [string, string | undefined] {
  const colon = text.indexOf(":");
  return colon < 0 ? [text, undefined] : [text.slice(0, colon), text.slice(colon + 1)];
}

function cipherOf(names: LuksNames, keyBytes: number): string {
  const keySizes = CIPHERS.get(names.cipherName);
  requireKnown("cipher-name", names.cipherName, keySizes !== undefined);
  const cipher = keySizes?.get(keyBytes);
  if (cipher !== undefined) return cipher;
  const problem = `key-bytes is ${names.keyBytes}, no size for ${names.cipherName} in mode ${printable(names.cipherMode)}`;
  throw new FormatError("QCOW2_UNSUPPORTED_FEATURE", problem, place("key-bytes"));
}

/** Essiv encrypts with the hash as key, so the cipher has to take keys of that size. */
function checkEssiv(names: LuksNames, hash: string | undefined): void {
  if (hash === undefined) {
    throw new FormatError(
      "QCOW2_INVALID_FIELD",
      "cipher-mode is essiv, but names no hash",
      place("cipher-mode"),
    );
  }
  const keyBytes = HASH_BYTES.get(hash) ?? 0;
  const suits = CIPHERS.get(names.cipherName)?.has(keyBytes) ?? true;
  requireKnown("cipher-mode", names.cipherMode, suits);
}

function requireKnown(field: string, value: string, known: boolean): void {
  if (known) return;
  throw new FormatError(
    "QCOW2_UNSUPPORTED_FEATURE",
    `${field} "${printable(value)}" is not supported`,
    place(field),
  );
}

function place(field: string): { structure: string; field: string; offset: number } {
  return { structure: STRUCTURE, field, offset: OFFSETS[field] ?? 0 };
}
