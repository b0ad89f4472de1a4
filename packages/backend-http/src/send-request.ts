// Sends one ranged GET and finds the answer to it: through redirects, with newer headers, from a newer address.
// Owns those three; what the answer is worth is judge-answer's, and waiting before another try retrying's.

import { BackendError } from "@qcow/block";
import type { Lease } from "./address.js";
import type { Attempt } from "./attempt.js";
import type { Held } from "./credentials.js";
import { badRedirect, networkError, Transient } from "./http-error.js";
import type { HttpAnswer, HttpRequest } from "./http-fetch.js";
import { redactUrl } from "./redact.js";
import type { Session } from "./session.js";

const REDIRECTS_MAX = 5;
const REDIRECT_STATUSES: readonly number[] = [301, 302, 303, 307, 308];

/** Bytes from `start` up to but not including `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** An answer that is no redirect, and the number of its request. */
export interface Sent {
  readonly id: number;
  readonly response: HttpAnswer;
}

/** Asks for `range`; undefined asks for the whole file. The answer may have any status but a redirect's. */
export async function sendRequest(
  session: Session,
  range: ByteRange | undefined,
  attempt: Attempt,
): Promise<Sent> {
  let lookedAnew = false;
  let renewed = false;
  attempt.hold();
  let held = await attempt.race(session.credentials.current());
  for (;;) {
    const lease = await leased(session, attempt);
    const sent = await follow(session, lease, held, range, attempt);
    const { status } = sent.response;
    if (!lookedAnew && lease.isPinned && isStale(status)) {
      lookedAnew = true;
      lease.forget();
    } else if (!renewed && session.credentials.canRenew && (status === 401 || status === 403)) {
      renewed = true;
      attempt.hold();
      held = await attempt.race(session.credentials.renewed(held, () => countRenewal(session)));
    } else return sent;
    discard(sent.response);
  }
}

/** A lease that comes too late for this attempt is given back: others would wait for it for ever. */
async function leased(session: Session, attempt: Attempt): Promise<Lease> {
  const pending = session.address.lease();
  // Whoever looks for the address has a watch of its own.
  attempt.hold();
  try {
    return await attempt.race(pending);
  } catch (error) {
    void pending.then((lease) => lease.settle(undefined));
    throw error;
  }
}

/** Lets go of an answer's body, so that its connection does not wait for a reader. */
export function discard(response: HttpAnswer): void {
  response.body?.cancel().catch(() => undefined);
}

function countRenewal(session: Session): void {
  session.counters.renewals += 1;
  session.report({ kind: "renew" });
}

/** What a server says of an address that was good once: signatures expire, and nodes go away. */
function isStale(status: number): boolean {
  return status === 401 || status === 403 || status === 404 || status === 410 || status >= 500;
}

async function follow(
  session: Session,
  lease: Lease,
  held: Held,
  range: ByteRange | undefined,
  attempt: Attempt,
): Promise<Sent> {
  let found: URL | undefined;
  try {
    let url = lease.url;
    for (let hops = 0; hops <= REDIRECTS_MAX; hops += 1) {
      const sent = await sendOnce(session, url, held, range, attempt);
      const { status, headers } = sent.response;
      const location = REDIRECT_STATUSES.includes(status) ? headers.get("location") : null;
      if (location === null) {
        if (isFound(status)) found = landingOf(session, sent.response, url);
        return sent;
      }
      discard(sent.response);
      url = nextUrl(session.label, url, location);
      session.counters.redirects += 1;
      session.report({ kind: "redirect", id: sent.id, status, url: redactUrl(url) });
    }
    throw badRedirect(session.label, `there were more than ${REDIRECTS_MAX} in a row`);
  } catch (error) {
    if (error instanceof Transient) lease.forget();
    throw error;
  } finally {
    lease.settle(found);
  }
}

/** Whether such an answer is about the file, so that its address is the right one. */
function isFound(status: number): boolean {
  return status === 200 || status === 206 || status === 412 || status === 416;
}

/** Where the answer came from: a browser follows redirects by itself, and tells only the end. */
function landingOf(session: Session, response: HttpAnswer, asked: URL): URL {
  if (response.redirected !== true || response.url === undefined || !URL.canParse(response.url)) return asked;
  const landing = nextUrl(session.label, asked, response.url);
  if (landing.href !== asked.href) session.counters.redirects += 1;
  return landing;
}

function nextUrl(label: string, from: URL, location: string): URL {
  if (!URL.canParse(location, from)) throw badRedirect(label, "its address is none");
  const url = new URL(location, from);
  if (url.protocol !== "https:" && url.protocol !== "http:")
    throw badRedirect(label, `it leads to the scheme ${url.protocol}`);
  if (from.protocol === "https:" && url.protocol === "http:")
    throw badRedirect(label, "it leads from https to http, which anybody on the way can read and change");
  // A user in it would be sent by nobody's choice.
  url.username = "";
  url.password = "";
  url.hash = "";
  return url;
}

async function sendOnce(
  session: Session,
  url: URL,
  held: Held,
  range: ByteRange | undefined,
  attempt: Attempt,
): Promise<Sent> {
  session.budget.countRequest();
  attempt.touch();
  const id = session.nextId();
  const { start = 0, end = Number.POSITIVE_INFINITY } = range ?? {};
  session.report({ kind: "request", id, url: redactUrl(url), start, end });
  const request = requestFor(session, url, held, range, attempt.signal);
  const pending = callSend(session, url.href, request);
  try {
    const response = await attempt.race(pending);
    attempt.touch();
    session.report({ kind: "answer", id, status: response.status });
    if (response.type === "opaqueredirect") {
      discard(response);
      throw badRedirect(session.label, "this host hides where it leads: set the environment to browser");
    }
    return { id, response };
  } catch (error) {
    pending.then(discard, () => undefined);
    attempt.signal.throwIfAborted();
    throw error instanceof BackendError ? error : networkError(session.label, error);
  }
}

/** Also what throws instead of rejecting rejects. */
async function callSend(session: Session, url: string, request: HttpRequest): Promise<HttpAnswer> {
  return await session.send(url, request);
}

function requestFor(
  session: Session,
  url: URL,
  held: Held,
  range: ByteRange | undefined,
  signal: AbortSignal,
): HttpRequest {
  const { isBrowser, allowChanging } = session.settings;
  // With a range, `fetch` itself asks for `identity`, by its standard; twice would be one time too many.
  const { "accept-encoding": _, ...headers } = session.credentials.headersFor(held, url);
  if (range !== undefined) headers.range = `bytes=${range.start}-${range.end - 1}`;
  else if (!isBrowser) headers["accept-encoding"] = "identity";
  // In a browser this would make it ask the server for leave first.
  const etag = session.pinned?.validator.etag;
  if (!isBrowser && !allowChanging && etag !== undefined) headers["if-match"] = etag;
  const redirect = isBrowser ? "follow" : "manual";
  // Not every host that has fetch has a cache, and some refuse to hear of one.
  return { headers, redirect, signal, ...(session.cache === "default" ? {} : { cache: session.cache }) };
}
