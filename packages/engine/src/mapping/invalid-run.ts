// Says what is wrong with an entry that makes no sense, when somebody wants its contents.

import { EngineError, type EngineErrorCode } from "../engine-error.js";
import { InvalidReason } from "./run-list.js";

const REASONS: Record<number, { code: EngineErrorCode; text: string }> = {
  [InvalidReason.unaligned]: {
    code: "QCOW2_UNALIGNED_OFFSET",
    text: "its host offset is not aligned to clusters",
  },
  [InvalidReason.pastSafeOffsets]: {
    code: "QCOW2_REFERENCE_OUTSIDE_FILE",
    text: "its host offset is past 2^53, which no file reaches",
  },
  [InvalidReason.zeroFlagInVersion2]: {
    code: "QCOW2_INVALID_ENTRY",
    text: "it has the zero flag, which version 2 does not know",
  },
  [InvalidReason.compressedWithDataFile]: {
    code: "QCOW2_INVALID_ENTRY",
    text: "it is compressed, which an image with an external data file cannot have",
  },
  [InvalidReason.dataFileOffset]: {
    code: "QCOW2_INVALID_ENTRY",
    text: "its offset in the external data file differs from its place on the disk",
  },
  [InvalidReason.subclusterBitmap]: {
    code: "QCOW2_INVALID_ENTRY",
    text: "its subcluster bitmap contradicts itself",
  },
};

/** The error for the guest cluster at `guestOffset` of `label`, whose run is invalid for `reason` (`InvalidReason`). */
export function invalidRunError(label: string, guestOffset: number, reason: number): EngineError {
  const { code, text } = REASONS[reason] ?? { code: "QCOW2_INVALID_ENTRY" as const, text: "it is damaged" };
  return new EngineError(
    code,
    `the L2 entry for guest offset ${guestOffset} of ${label} is corrupt: ${text}; run a check for details`,
    {
      offset: guestOffset,
    },
  );
}
