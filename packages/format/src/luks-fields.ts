// Owns the fields of a LUKS 1 header that need no secret, and the rules for them: algorithms known, sizes sane, nothing
// on top of anything else. Does not know the file's length: a payload past its end is for the reader to judge.

import { FormatError, type FormatErrorCode } from "./errors.js";
import { LUKS_KEY_BYTES_MAX } from "./limits.js";
import { luksAlgorithms } from "./luks-algorithms.js";

/** A key slot. Offsets are in sectors of 512 bytes from the start of the LUKS header. */
export interface LuksKeySlot {
  readonly active: boolean;
  /** PBKDF2 iterations; of use only in an active slot. */
  readonly iterations: number;
  readonly keyOffsetSectors: number;
  readonly stripes: number;
}

/** A LUKS 1 header without its digests and salts. */
export interface LuksHeader {
  readonly version: 1;
  readonly cipherName: string;
  readonly cipherMode: string;
  readonly hashSpec: string;
  /** Where the payload of a bare LUKS volume starts, in sectors of 512 bytes. */
  readonly payloadOffsetSectors: number;
  /** Length of the master key. */
  readonly keyBytes: number;
  readonly masterKeyIterations: number;
  readonly uuid: string;
  /** Always eight. */
  readonly slots: readonly LuksKeySlot[];
}

/** Bytes of a LUKS 1 header; key material follows from byte 4096 on. */
export const LUKS_HEADER_BYTES = 592;

const SECTOR_BYTES = 512;
/** Key material starts and is padded at multiples of 4096 bytes. */
const ALIGNMENT_SECTORS = 8;
const STRIPES = 4000;

/** @throws FormatError `QCOW2_INVALID_FIELD`, `QCOW2_LIMIT_EXCEEDED` or `QCOW2_UNSUPPORTED_FEATURE`. */
export function checkLuksHeader(header: LuksHeader): void {
  checkSizes(header);
  luksAlgorithms(header);
  header.slots.forEach((slot, index) => {
    checkSlot(header, slot, index);
    header.slots.slice(index + 1).forEach((other, distance) => {
      checkApart(header, slot, index, other, index + 1 + distance);
    });
  });
}

function checkSizes(header: LuksHeader): void {
  if (header.keyBytes === 0) refuse("QCOW2_INVALID_FIELD", "key-bytes", 108, "key-bytes is 0");
  if (header.keyBytes > LUKS_KEY_BYTES_MAX) {
    const problem = `key-bytes is ${header.keyBytes}, at most ${LUKS_KEY_BYTES_MAX} are allowed`;
    refuse("QCOW2_LIMIT_EXCEEDED", "key-bytes", 108, problem);
  }
  if (header.payloadOffsetSectors < ALIGNMENT_SECTORS) {
    const problem = `payload-offset is ${header.payloadOffsetSectors} sectors, the header takes ${ALIGNMENT_SECTORS}`;
    refuse("QCOW2_INVALID_FIELD", "payload-offset", 104, problem);
  }
  if (header.masterKeyIterations === 0) {
    refuse("QCOW2_INVALID_FIELD", "mk-digest-iter", 164, "mk-digest-iter is 0");
  }
}

function checkSlot(header: LuksHeader, slot: LuksKeySlot, index: number): void {
  const at = 208 + index * 48;
  if (slot.stripes !== STRIPES) {
    const problem = `key slot ${index} has ${slot.stripes} stripes, it must have ${STRIPES}`;
    refuse("QCOW2_INVALID_FIELD", `key slot ${index} stripes`, at + 44, problem);
  }
  if (slot.keyOffsetSectors < ALIGNMENT_SECTORS) {
    const problem = `key slot ${index} has its key material in sector ${slot.keyOffsetSectors}, inside the header`;
    refuse("QCOW2_INVALID_FIELD", `key slot ${index} key-material-offset`, at + 40, problem);
  }
  if (slot.active && slot.iterations === 0) {
    refuse(
      "QCOW2_INVALID_FIELD",
      `key slot ${index} iterations`,
      at + 4,
      `key slot ${index} has 0 iterations`,
    );
  }
  if (slot.keyOffsetSectors + keyMaterialSectors(header, slot) > header.payloadOffsetSectors) {
    const problem = `key slot ${index} has its key material in sector ${slot.keyOffsetSectors}, into the payload`;
    refuse("QCOW2_INVALID_FIELD", `key slot ${index} key-material-offset`, at + 40, problem);
  }
}

function checkApart(
  header: LuksHeader,
  slot: LuksKeySlot,
  index: number,
  other: LuksKeySlot,
  otherIndex: number,
): void {
  const end = slot.keyOffsetSectors + keyMaterialSectors(header, slot);
  const otherEnd = other.keyOffsetSectors + keyMaterialSectors(header, other);
  if (end <= other.keyOffsetSectors || otherEnd <= slot.keyOffsetSectors) return;
  const problem = `the key material of key slots ${index} and ${otherIndex} overlaps`;
  refuse(
    "QCOW2_INVALID_FIELD",
    `key slot ${otherIndex} key-material-offset`,
    208 + otherIndex * 48 + 40,
    problem,
  );
}

function keyMaterialSectors(header: LuksHeader, slot: LuksKeySlot): number {
  const bytes = header.keyBytes * slot.stripes;
  return Math.ceil(bytes / (SECTOR_BYTES * ALIGNMENT_SECTORS)) * ALIGNMENT_SECTORS;
}

function refuse(code: FormatErrorCode, field: string, offset: number, problem: string): never {
  throw new FormatError(code, problem, { structure: "LUKS header", field, offset });
}
