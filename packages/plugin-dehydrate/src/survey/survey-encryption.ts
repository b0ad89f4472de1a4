// The LUKS header of an encrypted image. Owns that no secret gets out: what says how the image is encrypted is kept; key
// material, salts and digests are left out as zeros, so nobody can try passphrases on them.

import type { ImageFile, Place } from "./image-file.js";
import type { Kept } from "./kept.js";
import type { Notes } from "./notes.js";

const HEADER_BYTES = 592;
const MAGIC = [0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe];
const SLOTS = 8;

/** Offsets and lengths in a LUKS 1 header: digest and salt of the master key, then the salt of each slot. */
const SECRETS: readonly (readonly [number, number])[] = [
  [112, 20],
  [132, 32],
  ...Array.from({ length: SLOTS }, (_, slot) => [208 + slot * 48 + 8, 32] as const),
];
const UUID: readonly [number, number] = [168, 40];

export async function surveyEncryption(
  file: ImageFile,
  { offset }: Place,
  kept: Kept,
  notes: Notes,
  isScrubbed: boolean,
): Promise<void> {
  const bytes = await file.read(offset, HEADER_BYTES);
  if (bytes.length < HEADER_BYTES || MAGIC.some((byte, index) => bytes[index] !== byte)) {
    notes.add("the encryption header is none, and is left out");
    return;
  }
  kept.keep(offset, HEADER_BYTES, "plain");
  for (const [at, length] of SECRETS) kept.patch(offset + at, new Uint8Array(length));
  if (isScrubbed) kept.patch(offset + UUID[0], new Uint8Array(UUID[1]));
  notes.add("the keys of the encryption are left out: digests, salts and key material");
}
