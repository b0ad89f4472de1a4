// Owns reading the LUKS version 1 header of encrypted images (LUKS On-Disk Format Specification 1.2).
// Does not read digests or salts, and decrypts nothing. What the fields may hold is in luks-fields.ts.

import { ByteReader } from "./byte-reader.js";
import { FormatError } from "./errors.js";
import { checkLuksHeader, LUKS_HEADER_BYTES, type LuksHeader, type LuksKeySlot } from "./luks-fields.js";
import { beforeNul, decodeUtf8 } from "./utf8.js";

const STRUCTURE = "LUKS header";
const MAGIC = [0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe];
const NAME_BYTES = 32;
const SLOTS_OFFSET = 208;
const SLOT_BYTES = 48;
const SLOT_COUNT = 8;
const SLOT_ACTIVE = 0x00ac71f3;
const SLOT_INACTIVE = 0x0000dead;

/**
 * The LUKS header at the start of `bytes`, checked: everything that can be wrong without a secret is refused.
 *
 * @throws FormatError `QCOW2_BAD_MAGIC`, `QCOW2_UNSUPPORTED_VERSION` for LUKS 2, `QCOW2_TRUNCATED` below 592 bytes,
 * `QCOW2_UNSUPPORTED_FEATURE` for an algorithm that is not known, `QCOW2_INVALID_FIELD`, `QCOW2_LIMIT_EXCEEDED`.
 */
export function decodeLuksHeader(bytes: Uint8Array): LuksHeader {
  const reader = new ByteReader(bytes, STRUCTURE);
  const header: LuksHeader = {
    version: decodeVersion(reader),
    cipherName: decodeName(reader, 8, "cipher-name"),
    cipherMode: decodeName(reader, 40, "cipher-mode"),
    hashSpec: decodeName(reader, 72, "hash-spec"),
    payloadOffsetSectors: reader.u32(104, "payload-offset"),
    keyBytes: reader.u32(108, "key-bytes"),
    masterKeyIterations: reader.u32(164, "mk-digest-iter"),
    uuid: decodeUtf8(beforeNul(reader.bytes(168, 40, "uuid"))),
    slots: Array.from({ length: SLOT_COUNT }, (_, index) => decodeSlot(reader, index)),
  };
  checkLuksHeader(header);
  return header;
}

function decodeVersion(reader: ByteReader): 1 {
  const magic = reader.bytes(0, MAGIC.length, "magic");
  if (!MAGIC.every((byte, index) => byte === magic[index])) {
    const place = { structure: STRUCTURE, field: "magic", offset: 0 };
    throw new FormatError("QCOW2_BAD_MAGIC", "there is no LUKS header, it starts with other bytes", place);
  }
  const version = reader.u16(6, "version");
  if (version === 1) {
    reader.require(0, LUKS_HEADER_BYTES, "the whole header");
    return version;
  }
  const place = { structure: STRUCTURE, field: "version", offset: 6 };
  throw new FormatError("QCOW2_UNSUPPORTED_VERSION", `version is ${version}, supported is 1`, place);
}

function decodeName(reader: ByteReader, offset: number, field: string): string {
  const bytes = reader.bytes(offset, NAME_BYTES, field);
  if (bytes.includes(0)) return decodeUtf8(beforeNul(bytes));
  const place = { structure: STRUCTURE, field, offset };
  throw new FormatError("QCOW2_INVALID_FIELD", `${field} has no NUL at its end`, place);
}

function decodeSlot(reader: ByteReader, index: number): LuksKeySlot {
  const at = SLOTS_OFFSET + index * SLOT_BYTES;
  const state = reader.u32(at, "key slot state");
  if (state !== SLOT_ACTIVE && state !== SLOT_INACTIVE) {
    const place = { structure: STRUCTURE, field: `key slot ${index} active`, offset: at };
    throw new FormatError("QCOW2_INVALID_FIELD", `key slot ${index} is neither active nor inactive`, place);
  }
  return {
    active: state === SLOT_ACTIVE,
    iterations: reader.u32(at + 4, "key slot iterations"),
    keyOffsetSectors: reader.u32(at + 40, "key material offset"),
    stripes: reader.u32(at + 44, "key slot stripes"),
  };
}
