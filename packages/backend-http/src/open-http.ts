// Opens a file at a server with one ranged GET, whose bytes serve later reads. Owns what the first answer may be;
// later ones are fetch-range's business.

import { BackendError } from "@qcow/block";
import { type Answered, ask } from "./ask.js";
import { HttpBackend } from "./http-backend.js";
import { badAnswer, noRanges } from "./http-error.js";
import type { HttpOptions } from "./http-options.js";
import { readBody } from "./read-body.js";
import { retrying } from "./retrying.js";
import type { ByteRange } from "./send-request.js";
import { Session } from "./session.js";
import { spillWhole } from "./spill-whole.js";

/**
 * Opens `url` (http or https) for reading. The first request asks for its first bytes, never for its headers alone:
 * many a signed address allows nothing but GET.
 *
 * Rejects with `BackendError`: `BACKEND_NOT_FOUND`, `BACKEND_PERMISSION`, `HTTP_NO_RANGES` when the server sends only
 * whole files (see `HttpOptions.spill`), `HTTP_BAD_ANSWER`, `HTTP_BAD_REDIRECT`, `HTTP_BUDGET`, `BACKEND_UNSUPPORTED`
 * for other schemes, or `BACKEND_IO`.
 */
export async function openHttp(url: string | URL, options: HttpOptions): Promise<HttpBackend> {
  options.signal?.throwIfAborted();
  const session = new Session(parseUrl(url), options);
  // A signal that never aborts is as good as none, and spares everybody below the question.
  const signal = options.signal ?? new AbortController().signal;
  const openBytes = Math.min(session.settings.openBytes, session.settings.requestBytesMax);
  let asked: ByteRange = { start: 0, end: openBytes };
  for (;;) {
    const first = await retrying(session, signal, () => readFirst(session, asked, signal));
    if (first.kind === "head") return new HttpBackend(session, first.bytes, undefined);
    if (first.kind === "shorter" && asked.end === openBytes) asked = { start: 0, end: first.total };
    else if (first.kind === "shorter") throw badAnswer(session.label, "it refuses every range (416)");
    // A browser's cache may have made the whole file of it.
    else if (session.goPastCache()) continue;
    else if (options.spill === undefined) throw noRanges(session.label);
    else {
      const spill = await spillWhole(session, options.spill, signal);
      return new HttpBackend(session, new Uint8Array(0), spill);
    }
  }
}

function parseUrl(url: string | URL): URL {
  const text = String(url);
  if (!URL.canParse(text)) throw new BackendError("BACKEND_NOT_FOUND", "no valid address");
  const parsed = new URL(text);
  if (parsed.protocol === "http:" || parsed.protocol === "https:") return parsed;
  throw new BackendError("BACKEND_UNSUPPORTED", `not an address for HTTP: its scheme is ${parsed.protocol}`);
}

type First =
  /** The file is known, and so are its first bytes. */
  | { readonly kind: "head"; readonly bytes: Uint8Array }
  /** The server refuses ranges that end behind the file, which has `total` bytes. */
  | { readonly kind: "shorter"; readonly total: number }
  /** The server sent the whole file, which is longer than what was asked for. */
  | { readonly kind: "long" };

function readFirst(session: Session, asked: ByteRange, signal: AbortSignal): Promise<First> {
  return ask(session, asked, signal, async (answer) => {
    const { judged } = answer;
    if (judged.kind === "outside") {
      if (judged.total >= asked.end) throw badAnswer(session.label, "it refuses a range at the start (416)");
      if (judged.total > 0) return { kind: "shorter", total: judged.total };
      session.pinned = { size: 0, validator: judged.validator };
      return { kind: "head", bytes: new Uint8Array(0) };
    }
    if (judged.kind === "part") return await readHead(session, answer, judged.part.end, judged.total);
    const { length } = judged;
    if (length !== undefined && length > asked.end) return { kind: "long" };
    return await readHead(session, answer, length, undefined, asked.end);
  });
}

/** Reads `length` bytes, or the whole body if it is at most `max` bytes long, and then knows the file. */
async function readHead(
  session: Session,
  answer: Answered,
  length: number | undefined,
  total: number | undefined,
  max?: number,
): Promise<First> {
  const bytes = new Uint8Array(length ?? max ?? 0);
  let at = 0;
  let isLong = false;
  const end = await readBody(
    session,
    answer.sent,
    answer.attempt,
    answer.reservation,
    { length, max, tooLong: () => new TooLong() },
    (chunk) => {
      bytes.set(chunk, at);
      at += chunk.length;
    },
  ).catch((error: unknown) => {
    if (!(error instanceof TooLong)) throw error;
    isLong = true;
    return 0;
  });
  if (isLong) return { kind: "long" };
  session.pinned = { size: total ?? end, validator: answer.judged.validator };
  return { kind: "head", bytes: bytes.subarray(0, end) };
}

/** A body of unknown length goes on after what would have been a small file. */
class TooLong extends Error {}
