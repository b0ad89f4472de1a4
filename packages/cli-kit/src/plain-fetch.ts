// A `fetch` over Node's own HTTP client: loading the built-in one takes longer than most commands do. Owns sending one GET,
// and handing its answer on as it comes. It follows no redirects, decompresses nothing and knows no proxies.

import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from "node:http";

/** What of a body may wait for its reader. */
const AHEAD_BYTES = 256 * 1024;
/** These have no body by the standard of `fetch`. */
const BODILESS: readonly number[] = [204, 205, 304];

interface Client {
  readonly agent: Agent;
  readonly request: (url: URL, options: RequestOptions) => ClientRequest;
}

const clients = new Map<string, Promise<Client>>();

/** Sends `request`; rejects with its signal's reason when that is aborted, and with the socket's error when that fails. */
export async function plainFetch(request: Request): Promise<Response> {
  const url = new URL(request.url);
  const client = await clientFor(url.protocol);
  for (;;) {
    const asked = ask(client, url, request);
    try {
      return responseOf(await asked.answer, request.signal);
    } catch (error) {
      // The server ended a connection that had been idle, as this request went out on it. Each time there is one less.
      const isStale = asked.sent.reusedSocket && codeOf(error) === "ECONNRESET" && !request.signal.aborted;
      if (!isStale) throw error;
    }
  }
}

function clientFor(protocol: string): Promise<Client> {
  const known = clients.get(protocol);
  if (known !== undefined) return known;
  const made = protocol === "https:" ? import("node:https") : import("node:http");
  const client = made.then(({ Agent, request }) => ({ agent: new Agent({ keepAlive: true }), request }));
  clients.set(protocol, client);
  return client;
}

function ask(
  { agent, request }: Client,
  url: URL,
  { method, headers, signal }: Request,
): { readonly sent: ClientRequest; readonly answer: Promise<IncomingMessage> } {
  signal.throwIfAborted();
  const sent = request(url, {
    agent,
    method,
    headers: {
      "user-agent": "qcow",
      accept: "*/*",
      "accept-encoding": "identity",
      ...Object.fromEntries(headers),
    },
  });
  const onAbort = (): void => void sent.destroy(asError(signal.reason));
  signal.addEventListener("abort", onAbort, { once: true });
  sent.once("close", () => signal.removeEventListener("abort", onAbort));
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    sent.once("response", resolve);
    // Also after the answer began; then the body tells of it.
    sent.on("error", (error) => reject(signal.aborted ? signal.reason : error));
  });
  sent.end();
  return { sent, answer };
}

function responseOf(incoming: IncomingMessage, signal: AbortSignal): Response {
  const { statusCode: status = 0, statusMessage: statusText = "", rawHeaders } = incoming;
  try {
    const headers = new Headers();
    for (let at = 0; at + 1 < rawHeaders.length; at += 2)
      headers.append(rawHeaders[at] ?? "", rawHeaders[at + 1] ?? "");
    const isBodiless = BODILESS.includes(status);
    if (isBodiless) incoming.resume();
    return new Response(isBodiless ? null : bodyOf(incoming, signal), { status, statusText, headers });
  } catch (error) {
    incoming.destroy();
    throw error;
  }
}

/** The body as it comes, no faster than it is read. It ends only if all of it came. */
function bodyOf(incoming: IncomingMessage, signal: AbortSignal): ReadableStream<Uint8Array> {
  let isOver = false;
  const start = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    const over = (error?: unknown): void => {
      if (isOver) return;
      isOver = true;
      if (error === undefined) controller.close();
      else controller.error(signal.aborted ? signal.reason : error);
    };
    incoming.on("data", (chunk: Buffer) => {
      if (isOver) return;
      controller.enqueue(chunk);
      if ((controller.desiredSize ?? 0) <= 0) incoming.pause();
    });
    incoming.on("end", () => over(incoming.complete ? undefined : cutShort()));
    incoming.on("error", over);
    incoming.on("close", () => over(cutShort()));
    incoming.pause();
  };
  const cancel = (): void => {
    isOver = true;
    incoming.destroy();
  };
  return new ReadableStream<Uint8Array>(
    { start, pull: () => void incoming.resume(), cancel },
    { highWaterMark: AHEAD_BYTES, size: (chunk) => chunk?.byteLength ?? 0 },
  );
}

function cutShort(): Error {
  return new Error("the connection ended within an answer");
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

function codeOf(error: unknown): unknown {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}
