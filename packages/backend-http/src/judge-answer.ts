// What an answer is worth: which bytes its body has, or why they cannot be believed. Owns the rules for status
// and headers; reads no body and sends nothing.

import { parseContentRange } from "./content-range.js";
import { badAnswer, httpError, imageChanged, noRanges, statusError, Transient } from "./http-error.js";
import type { HttpAnswer, HttpAnswerHeaders } from "./http-fetch.js";
import { parseRetryAfter } from "./retry-after.js";
import type { ByteRange } from "./send-request.js";
import type { Session } from "./session.js";
import { differenceOf, type Validator, validatorOf } from "./validator.js";

/** What the body of a believable answer has. */
export type Judged =
  /** The bytes of `part`, of a file of `total` bytes. */
  | { readonly kind: "part"; readonly part: ByteRange; readonly total: number; readonly validator: Validator }
  /** The whole file, of `length` bytes if the server says so. */
  | { readonly kind: "whole"; readonly length: number | undefined; readonly validator: Validator }
  /** Nothing: the file has `total` bytes, and the range began behind them. */
  | { readonly kind: "outside"; readonly total: number; readonly validator: Validator };

/** Judges an answer to a request for `asked`. Throws `Transient` for what may pass, else a `BackendError`. */
export function judgeAnswer(session: Session, response: HttpAnswer, asked: ByteRange): Judged {
  const { status, headers } = response;
  const { label, settings } = session;
  if (status !== 200 && status !== 206 && status !== 416) throw refusal(session, response);
  const encoding = headers.get("content-encoding")?.trim().toLowerCase() ?? "identity";
  if (status !== 416 && encoding !== "identity" && encoding !== "")
    throw badAnswer(label, `it is compressed (Content-Encoding ${encoding}), and so are its offsets`);
  const validator = validatorOf(headers);
  const { pinned } = session;
  const difference =
    pinned === undefined || settings.allowChanging || status === 416
      ? undefined
      : differenceOf(pinned.validator, validator);
  if (difference !== undefined) throw imageChanged(label, difference);
  if (status === 416) return outside(session, headers, validator);
  if (status === 200) return { kind: "whole", length: contentLength(headers), validator };
  return { kind: "part", ...partOf(session, headers, asked), validator };
}

/** An answer of the kind `whole` or `outside` where a part was asked for of a file that is known. */
export function unexpected(session: Session, judged: Judged): Error {
  const { label, pinned } = session;
  if (judged.kind !== "outside") return noRanges(label);
  if (judged.total !== pinned?.size) return imageChanged(label, `it has ${judged.total} bytes now`);
  return badAnswer(label, "it says that a range inside of the file is outside (416)");
}

function outside(session: Session, headers: HttpAnswerHeaders, validator: Validator): Judged {
  const range = parseContentRange(headers.get("content-range") ?? "");
  if (range?.total !== undefined) return { kind: "outside", total: range.total, validator };
  throw badAnswer(
    session.label,
    "it says that the range is outside of the file (416), but not how long that is",
  );
}

function partOf(
  session: Session,
  headers: HttpAnswerHeaders,
  asked: ByteRange,
): { part: ByteRange; total: number } {
  const { label, pinned } = session;
  if (/^multipart\/byteranges\b/i.test(headers.get("content-type") ?? ""))
    throw badAnswer(label, "it has several parts (multipart/byteranges) although one was asked for");
  const value = headers.get("content-range");
  if (value === null) {
    const cors =
      "it has no Content-Range; for other sites a server must list it in Access-Control-Expose-Headers";
    throw badAnswer(label, session.settings.isBrowser ? cors : "it has no Content-Range");
  }
  const { start, end, total = pinned?.size } = parseContentRange(value) ?? {};
  if (start === undefined || end === undefined) throw badAnswer(label, "its Content-Range is none");
  if (total === undefined) throw badAnswer(label, "its Content-Range does not tell the size of the file");
  const { allowChanging } = session.settings;
  // Who allows changes may still read what was there; what is gone is gone.
  if (pinned !== undefined && total !== pinned.size && !(allowChanging && total > pinned.size))
    throw imageChanged(label, `it has ${total} bytes now`);
  if (start !== asked.start || end > asked.end) {
    const got = `bytes from ${start} to ${end} where ${asked.start} to ${asked.end} were asked for`;
    throw badAnswer(label, `it has the ${got}`);
  }
  const length = contentLength(headers);
  if (length !== undefined && length !== end - start)
    throw badAnswer(label, `its length is ${length}, but its Content-Range has ${end - start} bytes`);
  return { part: { start, end }, total };
}

function contentLength(headers: HttpAnswerHeaders): number | undefined {
  const text = headers.get("content-length")?.trim() ?? "";
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** What may pass: too early, too many, and whatever the server itself is sorry for. */
function isPassing(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || (status >= 500 && status !== 501);
}

function refusal(session: Session, response: HttpAnswer): Error {
  const { label, time, settings } = session;
  const { status, headers } = response;
  if (status === 412) return imageChanged(label, "its ETag is another");
  if (status >= 300 && status < 400)
    return httpError("BACKEND_IO", label, `the server redirects (${status}) without saying where to`);
  const error = statusError(label, status, settings.isBrowser);
  if (!isPassing(status)) return error;
  return new Transient(error, parseRetryAfter(headers.get("retry-after"), time.wallMs()));
}
