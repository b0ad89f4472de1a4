// The one error class of this package: a stable code, a line for people, and what to do about it. Codes are API.

export type DehydrateErrorCode =
  /** The map is not one, or contradicts itself. */
  | "DEHYDRATED_BAD_MAP"
  /** The metadata does not have the length that the map says. */
  | "DEHYDRATED_BAD_META"
  /** The single file is damaged, or something else. */
  | "DEHYDRATED_BAD_ARCHIVE"
  /** More metadata, or a longer map, than is kept in memory. */
  | "DEHYDRATED_TOO_LARGE";

export class DehydrateError extends Error {
  override readonly name = "DehydrateError";
  readonly code: DehydrateErrorCode;

  constructor(code: DehydrateErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
