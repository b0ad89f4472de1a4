// The one error class of the block layer: a stable code, the place, the cause. Codes are API;
// messages are not. Owns no policy: what to do about a failure is the caller's business.

export type BackendErrorCode =
  /** The host reported a failure; `cause` has it. */
  | "BACKEND_IO"
  /** There is no such file or object. */
  | "BACKEND_NOT_FOUND"
  /** There is such a file already, and the caller asked for a new one. */
  | "BACKEND_EXISTS"
  /** The host forbids the access. */
  | "BACKEND_PERMISSION"
  /** The thing exists but is no block storage: a directory, a fifo, a character device. */
  | "BACKEND_UNSUITABLE"
  /** Fewer bytes than asked for: the read ends past the end of the backend. */
  | "BACKEND_SHORT_READ"
  /** An offset or length is negative, no integer, or past 2^53. */
  | "BACKEND_BAD_RANGE"
  /** A write, resize or flush on something opened for reading only. */
  | "BACKEND_READ_ONLY"
  /** Used after `close`. */
  | "BACKEND_CLOSED"
  /** The object changed while it was being read. */
  | "BACKEND_CHANGED"
  /** Somebody else holds the image, in a way that excludes what was asked for. */
  | "BACKEND_LOCKED"
  /** A compressed stream is damaged or has the wrong length. */
  | "BACKEND_BAD_STREAM"
  /** This host cannot do that (a compression method it lacks). */
  | "BACKEND_UNSUPPORTED"
  /** The server does not send parts of a file, and the whole one was not wanted. */
  | "HTTP_NO_RANGES"
  /** The file at the server is not the one that was opened any more. */
  | "HTTP_IMAGE_CHANGED"
  /** The next request would exceed the number of requests or bytes that the caller allows. */
  | "HTTP_BUDGET"
  /** The server's answer contradicts itself or the request, so its bytes cannot be believed. */
  | "HTTP_BAD_ANSWER"
  /** The server redirects to where requests must not go, or in circles. */
  | "HTTP_BAD_REDIRECT";

export interface BackendErrorContext {
  /** The backend's label. */
  readonly label?: string | undefined;
  /** Offset in bytes of the operation that failed. */
  readonly offset?: number | undefined;
  /** Length in bytes of the operation that failed. */
  readonly length?: number | undefined;
  readonly cause?: unknown;
}

/** A failure of a backend. Its message is one line of printable text, whatever name went into it. */
export class BackendError extends Error {
  override readonly name = "BackendError";
  readonly code: BackendErrorCode;
  readonly label: string | undefined;
  readonly offset: number | undefined;
  readonly length: number | undefined;

  constructor(code: BackendErrorCode, message: string, context: BackendErrorContext = {}) {
    super(onOneLine(message), context.cause === undefined ? undefined : { cause: context.cause });
    this.code = code;
    this.label = context.label;
    this.offset = context.offset;
    this.length = context.length;
  }
}

/** `text` with control characters escaped. Labels may be paths out of an image, and messages go to terminals. */
function onOneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, (control) => {
    const code = control.codePointAt(0) ?? 0;
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, "0")}`
      : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/** Whether `error` is a `BackendError`, and has one of `codes` when any are given; works across copies of this package. */
export function isBackendError(error: unknown, ...codes: BackendErrorCode[]): error is BackendError {
  if (!(error instanceof Error) || error.name !== "BackendError") return false;
  return codes.length === 0 || codes.includes((error as BackendError).code);
}
