// The failures of reading over HTTP as BackendError, and which of them may pass by themselves. Owns the
// wording; when and how often to try again is retrying's business.

import { BackendError, type BackendErrorCode } from "@qcow/block";
import { redactError } from "./redact.js";

/** A failure after which the same request may succeed. Never leaves this package: retrying unwraps it. */
export class Transient extends Error {
  readonly failure: BackendError;
  /** How long the server asked to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** Whether enough arrived before that the failures so far do not count. */
  progressed = false;

  constructor(failure: BackendError, retryAfterMs?: number) {
    super(failure.message);
    this.failure = failure;
    this.retryAfterMs = retryAfterMs;
  }
}

/** A `BackendError` about the file `label`, which its message starts with. */
export function httpError(
  code: BackendErrorCode,
  label: string,
  message: string,
  cause?: unknown,
): BackendError {
  const context = cause === undefined ? { label } : { label, cause: redactError(cause) };
  return new BackendError(code, `${label}: ${message}`, context);
}

/** Failures of the network that no waiting mends: a name or a certificate that is wrong. */
const LASTING = /^(ENOTFOUND|ERR_TLS|ERR_SSL|ERR_INVALID|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO)/;

/** What `fetch` or a body rejected with, as something to try again or not. */
export function networkError(label: string, error: unknown): BackendError | Transient {
  const { code, message } = deepest(error);
  const failure = httpError("BACKEND_IO", label, `the network failed: ${code ?? message}`, error);
  return code !== undefined && LASTING.test(code) ? failure : new Transient(failure);
}

/** The first cause: `fetch` itself says no more than that it failed. */
function deepest(error: unknown): { code: string | undefined; message: string } {
  let at = redactError(error);
  for (let depth = 0; depth < 5 && at.cause instanceof Error; depth += 1) at = at.cause;
  const { code } = at as { code?: unknown };
  return { code: typeof code === "string" ? code : undefined, message: at.message };
}

/** A status that is no success: what it means here, and what to do. */
export function statusError(label: string, status: number, isBrowser: boolean): BackendError {
  if (status === 401 || status === 403) {
    const advice = "pass headers that allow reading, or a newer signed address";
    return httpError("BACKEND_PERMISSION", label, `the server refuses access (${status}); ${advice}`);
  }
  if (status === 404 || status === 410)
    return httpError("BACKEND_NOT_FOUND", label, `the server has no such file (${status})`);
  const opaque = isBrowser && status === 0 ? "; the server may not allow other sites to read (CORS)" : "";
  return httpError("BACKEND_IO", label, `the server answered with status ${status}${opaque}`);
}

export function imageChanged(label: string, how: string): BackendError {
  return httpError(
    "HTTP_IMAGE_CHANGED",
    label,
    `the file at the server changed while it was being read (${how}); open it again`,
  );
}

export function noRanges(label: string): BackendError {
  const advice = "allow reading the whole file first, or download it";
  return httpError("HTTP_NO_RANGES", label, `the server does not send parts of the file; ${advice}`);
}

export function badAnswer(label: string, what: string): BackendError {
  return httpError("HTTP_BAD_ANSWER", label, `the server's answer cannot be used: ${what}`);
}

export function badRedirect(label: string, what: string): BackendError {
  return httpError("HTTP_BAD_REDIRECT", label, `a redirect was not followed: ${what}`);
}

export function closedError(label: string): BackendError {
  return httpError("BACKEND_CLOSED", label, "used after close");
}
