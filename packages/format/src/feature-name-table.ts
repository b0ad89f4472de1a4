// Owns the feature name table: 48-byte entries that name feature bits for messages.
// Does not judge the names: they are the image's word, so escape them before printing.

import { ByteReader } from "./byte-reader.js";
import { ByteWriter } from "./byte-writer.js";
import { FormatError } from "./errors.js";
import type { FeatureKind } from "./feature-bits.js";
import { beforeNul, decodeUtf8, encodeUtf8 } from "./utf8.js";

/** The name that an image gives to a feature bit. */
export interface FeatureName {
  /** The feature word, or the type byte (3 to 255) where it is none that is defined. */
  readonly kind: FeatureKind | number;
  /** Bit number; 0 to 63 where it makes sense, 0 to 255 on disk. */
  readonly bit: number;
  readonly name: string;
}

const ENTRY_BYTES = 48;
const NAME_BYTES = 46;
const KINDS: readonly FeatureKind[] = ["incompatible", "compatible", "autoclear"];

/**
 * The entries of a feature name table (specification: "Feature name table"). Bytes after the last whole entry
 * are ignored. Never throws.
 */
export function decodeFeatureNames(bytes: Uint8Array): FeatureName[] {
  const reader = new ByteReader(bytes, "feature name table");
  const names: FeatureName[] = [];
  for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
    const type = reader.u8(at, "type");
    const name = decodeUtf8(beforeNul(reader.bytes(at + 2, NAME_BYTES, "name")));
    names.push({ kind: KINDS[type] ?? type, bit: reader.u8(at + 1, "bit"), name });
  }
  return names;
}

/** @throws FormatError `QCOW2_INVALID_FIELD` for a name of more than 46 bytes, or a type or bit that is no byte. */
export function encodeFeatureNames(names: readonly FeatureName[]): Uint8Array {
  const writer = new ByteWriter(names.length * ENTRY_BYTES, "feature name table");
  names.forEach((entry, index) => {
    const at = index * ENTRY_BYTES;
    writer.u8(at, "type", typeof entry.kind === "number" ? entry.kind : KINDS.indexOf(entry.kind));
    writer.u8(at + 1, "bit", entry.bit);
    writer.put(at + 2, encodeName(entry.name, at + 2));
  });
  return writer.bytes;
}

function encodeName(name: string, offset: number): Uint8Array {
  const bytes = encodeUtf8(name);
  if (bytes.length <= NAME_BYTES) return bytes;
  const place = { structure: "feature name table", field: "name", offset };
  throw new FormatError("QCOW2_INVALID_FIELD", `name has ${bytes.length} bytes, at most 46 fit`, place);
}
