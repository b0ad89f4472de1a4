// The one error of the codec: bytes that are no message of the protocol. Owns its codes; what to do about it (answer,
// or give the connection up) is the session's decision.

export type NbdProtocolErrorCode =
  /** A magic number is another one: where messages begin is unknown from here on. */
  | "NBD_BAD_MAGIC"
  /** A message ends before its fields do, or has more bytes than they need. */
  | "NBD_BAD_LENGTH"
  /** A string is no UTF-8, holds a NUL, or is longer than the protocol allows. */
  | "NBD_BAD_STRING"
  /** A value that the protocol does not allow there. */
  | "NBD_BAD_VALUE"
  /** The stream ended in the midst of a message. */
  | "NBD_CUT_SHORT"
  /** The peer took longer than it may. */
  | "NBD_TOO_SLOW";

export class NbdProtocolError extends Error {
  override readonly name = "NbdProtocolError";
  readonly code: NbdProtocolErrorCode;

  constructor(code: NbdProtocolErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** Whether `error` is an `NbdProtocolError`; works across copies of this package. */
export function isNbdProtocolError(error: unknown): error is NbdProtocolError {
  return error instanceof Error && error.name === "NbdProtocolError";
}
