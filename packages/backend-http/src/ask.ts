// One try to get a range: sends the request, judges the answer, and cleans up whatever happens. Owns the life of the
// attempt, of the budget's share and of a body that nobody read.

import { Attempt } from "./attempt.js";
import type { Reservation } from "./budget.js";
import { httpError, Transient } from "./http-error.js";
import { type Judged, judgeAnswer } from "./judge-answer.js";
import { type ByteRange, discard, type Sent, sendRequest } from "./send-request.js";
import type { Session } from "./session.js";

const EVERYTHING: ByteRange = { start: 0, end: Number.MAX_SAFE_INTEGER };

/** An answer that was judged, and what reading its body needs. */
export interface Answered {
  readonly judged: Judged;
  readonly sent: Sent;
  readonly attempt: Attempt;
  readonly reservation: Reservation;
}

/** Asks for `range`, or for the whole file when that is undefined, and resolves with what `use` makes of the answer. A body that `use` does not read is discarded. */
export async function ask<T>(
  session: Session,
  range: ByteRange | undefined,
  signal: AbortSignal,
  use: (answer: Answered) => Promise<T>,
): Promise<T> {
  const { settings, time, label } = session;
  const reservation = session.budget.reserve(range === undefined ? 0 : range.end - range.start);
  const seconds = settings.idleTimeoutMs / 1000;
  const silence = () =>
    new Transient(httpError("BACKEND_IO", label, `nothing came from the server for ${seconds} s`));
  const attempt = new Attempt(time, settings.idleTimeoutMs, signal, silence);
  let sent: Sent | undefined;
  try {
    sent = await sendRequest(session, range, attempt);
    const judged = judgeAnswer(session, sent.response, range ?? EVERYTHING);
    return await use({ judged, sent, attempt, reservation });
  } finally {
    attempt.end();
    reservation.release();
    if (sent !== undefined && sent.response.body?.locked !== true) discard(sent.response);
  }
}
