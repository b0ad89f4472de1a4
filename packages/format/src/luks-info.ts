// Owns the summary of a LUKS header, in the keys and units of `qemu-img info`'s JSON.
// Does not print it.

import { luksAlgorithms } from "./luks-algorithms.js";
import type { LuksHeader, LuksKeySlot } from "./luks-fields.js";

/** A key slot; `iters` and `stripes` only while it is active. Offsets in bytes. */
export interface LuksSlotInfo {
  readonly active: boolean;
  readonly iters?: number;
  readonly "key-offset": number;
  readonly stripes?: number;
}

/** What can be told of an encrypted image without a secret. Offsets in bytes from the start of the LUKS header. */
export interface LuksInfo {
  readonly format: "luks";
  readonly "ivgen-alg": string;
  /** Only with the IV generator `essiv`. */
  readonly "ivgen-hash-alg"?: string;
  readonly "hash-alg": string;
  readonly "cipher-alg": string;
  readonly "cipher-mode": string;
  readonly uuid: string;
  readonly slots: readonly LuksSlotInfo[];
  readonly "payload-offset": number;
  readonly "master-key-iters": number;
}

const SECTOR_BYTES = 512;

/** @throws FormatError as `luksAlgorithms`; never for a header from `decodeLuksHeader`. */
export function luksInfo(header: LuksHeader): LuksInfo {
  const algorithms = luksAlgorithms(header);
  const ivgenHash = algorithms.ivgenHashAlg;
  return {
    format: "luks",
    "ivgen-alg": algorithms.ivgenAlg,
    ...(ivgenHash === undefined ? {} : { "ivgen-hash-alg": ivgenHash }),
    "hash-alg": algorithms.hashAlg,
    "cipher-alg": algorithms.cipherAlg,
    "cipher-mode": algorithms.cipherMode,
    uuid: header.uuid,
    slots: header.slots.map(slotInfo),
    "payload-offset": header.payloadOffsetSectors * SECTOR_BYTES,
    "master-key-iters": header.masterKeyIterations,
  };
}

function slotInfo(slot: LuksKeySlot): LuksSlotInfo {
  const active = slot.active ? { iters: slot.iterations, stripes: slot.stripes } : {};
  return { active: slot.active, "key-offset": slot.keyOffsetSectors * SECTOR_BYTES, ...active };
}
