// Reads the body of an answer, chunk by chunk, and holds it to its length. Owns the counting and that a body
// which is not wanted any more is cancelled; what chunks are for is the caller's business.

import type { Attempt } from "./attempt.js";
import type { Reservation } from "./budget.js";
import { badAnswer, httpError, networkError, Transient } from "./http-error.js";
import type { Sent } from "./send-request.js";
import type { Session } from "./session.js";

/** What a body is held to. */
export interface BodyLimits {
  /** Exactly so many bytes; undefined when nobody knows. */
  readonly length?: number | undefined;
  /** At most so many bytes are taken when nobody knows; one more ends it with `tooLong`. */
  readonly max?: number | undefined;
  readonly tooLong?: (() => Error) | undefined;
}

/**
 * Hands each chunk to `onChunk`, which is waited for, and resolves with the number of bytes once the body has ended as
 * it should. A body that is cut short rejects with `Transient`.
 */
export async function readBody(
  session: Session,
  sent: Sent,
  attempt: Attempt,
  reservation: Reservation,
  limits: BodyLimits,
  onChunk: (chunk: Uint8Array) => void | Promise<void>,
): Promise<number> {
  const reader = sent.response.body?.getReader();
  const cancel = () => void reader?.cancel(attempt.signal.reason).catch(() => undefined);
  attempt.signal.addEventListener("abort", cancel, { once: true });
  let bytes = 0;
  try {
    attempt.signal.throwIfAborted();
    for (let chunk = await next(session, reader, attempt); chunk !== undefined; ) {
      bytes += chunk.length;
      reservation.receive(chunk.length);
      checkLength(session, bytes, limits);
      attempt.hold();
      await onChunk(chunk);
      attempt.touch();
      chunk = await next(session, reader, attempt);
    }
    if (limits.length !== undefined && bytes < limits.length) throw cutShort(session, bytes, limits.length);
    session.report({ kind: "end", id: sent.id, bytes });
    return bytes;
  } catch (error) {
    cancel();
    session.report({ kind: "end", id: sent.id, bytes, error: messageOf(error) });
    throw error;
  } finally {
    attempt.signal.removeEventListener("abort", cancel);
  }
}

async function next(
  session: Session,
  reader: ReadableStreamDefaultReader<Uint8Array> | undefined,
  attempt: Attempt,
): Promise<Uint8Array | undefined> {
  let value: Uint8Array | undefined;
  try {
    value = (await reader?.read())?.value;
  } catch (error) {
    attempt.signal.throwIfAborted();
    throw networkError(session.label, error);
  }
  // A reader that was cancelled says that the body has ended.
  attempt.signal.throwIfAborted();
  return value;
}

function checkLength(session: Session, bytes: number, { length, max, tooLong }: BodyLimits): void {
  if (length !== undefined && bytes > length)
    throw badAnswer(session.label, `its body is longer than the ${length} bytes that it should have`);
  if (length === undefined && max !== undefined && bytes > max && tooLong !== undefined) throw tooLong();
}

function cutShort(session: Session, bytes: number, length: number): Transient {
  const message = `the answer ended after ${bytes} of ${length} bytes`;
  return new Transient(httpError("BACKEND_IO", session.label, message));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? (error.name === "AbortError" ? "cancelled" : error.message) : "cancelled";
}
