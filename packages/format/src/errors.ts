// Owns the one error class of this package and its stable codes.
// Does not decide what is wrong with an image: the codec of each structure does, and raises it here.

/**
 * What went wrong, stable across versions (messages are not):
 *
 * - `QCOW2_BAD_MAGIC`: the bytes are not this structure at all.
 * - `QCOW2_UNSUPPORTED_VERSION`: the structure is of a version that is not implemented.
 * - `QCOW2_TRUNCATED`: the given bytes end inside the structure.
 * - `QCOW2_INVALID_FIELD`: a value that the format does not allow, or one that cannot be encoded.
 * - `QCOW2_LIMIT_EXCEEDED`: a value that the format could hold, above a limit of `limits.ts`.
 * - `QCOW2_UNSUPPORTED_FEATURE`: the image asks for something that is not implemented.
 * - `QCOW2_OFFSET_TOO_LARGE`: a 64-bit offset or size past 2^53 - 1 that has to become a number.
 */
export type FormatErrorCode =
  | "QCOW2_BAD_MAGIC"
  | "QCOW2_UNSUPPORTED_VERSION"
  | "QCOW2_TRUNCATED"
  | "QCOW2_INVALID_FIELD"
  | "QCOW2_LIMIT_EXCEEDED"
  | "QCOW2_UNSUPPORTED_FEATURE"
  | "QCOW2_OFFSET_TOO_LARGE";

/** Where in an image an error lies. Names are those of the qcow2 specification where it gives one. */
export interface FormatErrorPlace {
  /** The structure, e.g. `header` or `snapshot table entry 3`. */
  readonly structure: string;
  readonly field?: string;
  /** Offset of the field within the structure, in bytes. */
  readonly offset?: number;
  readonly cause?: unknown;
}

/** A structure of an image that cannot be decoded, or a value that cannot be encoded. */
export class FormatError extends Error {
  override readonly name = "FormatError";
  readonly code: FormatErrorCode;
  readonly structure: string;
  readonly field: string | undefined;
  /** Offset of the field within the structure, in bytes. */
  readonly offset: number | undefined;

  /** `problem` completes the sentence that `place.structure` begins; it must hold no raw text of the image. */
  constructor(code: FormatErrorCode, problem: string, place: FormatErrorPlace) {
    super(`${place.structure}: ${problem}`, place.cause === undefined ? undefined : { cause: place.cause });
    this.code = code;
    this.structure = place.structure;
    this.field = place.field;
    this.offset = place.offset;
  }
}

/**
 * Whether `error` is a FormatError, and with one of `codes` if any are given.
 * Goes by name and code, so that errors of another copy of this package count too.
 */
export function isFormatError(error: unknown, ...codes: readonly FormatErrorCode[]): error is FormatError {
  if (!(error instanceof Error) || error.name !== "FormatError" || !("code" in error)) return false;
  return codes.length === 0 || codes.some((code) => code === error.code);
}
