// The one error class of the engine: what an image means is wrong, or is not supported. Codes are API,
// messages are not. Bytes that cannot be decoded are a FormatError, a failing host is a BackendError.

export type EngineErrorCode =
  /** A table entry names an offset that is not aligned as the format demands. */
  | "QCOW2_UNALIGNED_OFFSET"
  /** A table entry names a place past the end of the file: the image is cut short or damaged. */
  | "QCOW2_REFERENCE_OUTSIDE_FILE"
  /** Something in a stream is named when it has passed by, as what nothing else would name. */
  | "QCOW2_PASSED_BY"
  /** A table entry has bits that contradict each other or the header. */
  | "QCOW2_INVALID_ENTRY"
  /** A compressed cluster cannot be decompressed. */
  | "QCOW2_BAD_COMPRESSED_CLUSTER"
  /** The contents are encrypted, which is not supported yet. */
  | "QCOW2_ENCRYPTED"
  /** The image needs something the caller did not provide: a compression backend, an opener for referenced files. */
  | "QCOW2_MISSING_CAPABILITY"
  /** A referenced file has a format that is neither qcow2 nor raw. */
  | "QCOW2_UNSUPPORTED_FORMAT"
  /** The chain of backing files comes back to a file it already has, or a data file is the image itself. */
  | "QCOW2_CHAIN_LOOP"
  /** The chain of backing files is longer than is followed. */
  | "QCOW2_CHAIN_TOO_DEEP"
  /** A backing file whose format was guessed names further files. */
  | "QCOW2_UNTRUSTED_REFERENCE"
  /** The target of a copy is a file that the image is read from. */
  | "QCOW2_TARGET_IS_SOURCE"
  /** There is no internal snapshot of that id or name. */
  | "QCOW2_NO_SUCH_SNAPSHOT"
  /** There is no persistent bitmap of that name, or it was not saved. */
  | "QCOW2_NO_SUCH_BITMAP"
  /** An offset or length lies outside the disk, or is no safe integer. */
  | "QCOW2_OUT_OF_RANGE"
  /** The image is marked corrupt, or was found to be; nothing is written to it until a repair. */
  | "QCOW2_CORRUPT"
  /** A flush failed: what the file has is unknown, so nothing more is written to it. */
  | "QCOW2_FLUSH_FAILED"
  /** The image cannot grow further: its tables have the largest size that the format allows. */
  | "QCOW2_IMAGE_TOO_LARGE"
  /** Shrinking the disk would lose data, and the caller did not allow that. */
  | "QCOW2_DATA_LOSS"
  /** The image has something that keeps it from being changed in this way. */
  | "QCOW2_UNSUPPORTED_CHANGE"
  /** What a new image is to be makes no sense, is too large for its clusters, or does not fit where it is to lie. */
  | "QCOW2_BAD_OPTION"
  /** Something that cannot be was found in memory: a bug of this package. The image is not written to any more. */
  | "QCOW2_BROKEN_INVARIANT"
  /** A check would need more memory than it is allowed. */
  | "QCOW2_CHECK_TOO_LARGE"
  /** Used after `close`. */
  | "QCOW2_CLOSED";

export interface EngineErrorContext {
  /** Offset in bytes of the thing concerned: of the guest or the host, as the message says. */
  readonly offset?: number | undefined;
  readonly cause?: unknown;
}

export class EngineError extends Error {
  override readonly name = "EngineError";
  readonly code: EngineErrorCode;
  readonly offset: number | undefined;

  constructor(code: EngineErrorCode, message: string, context: EngineErrorContext = {}) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    this.code = code;
    this.offset = context.offset;
  }
}

/** Whether `error` is an `EngineError`, and has one of `codes` when any are given; works across copies of this package. */
export function isEngineError(error: unknown, ...codes: EngineErrorCode[]): error is EngineError {
  if (!(error instanceof Error) || error.name !== "EngineError") return false;
  return codes.length === 0 || codes.includes((error as EngineError).code);
}
