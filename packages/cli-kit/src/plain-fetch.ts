// A `fetch` over Node's own HTTP client: loading the built-in one takes longer than most commands do. Owns sending one GET,
// and handing its answer on as it comes. It follows no redirects, decompresses nothing and knows no proxies.

import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import type { HttpAnswer, HttpAnswerHeaders, HttpRequest } from "@qcow/backend-http";
import { isEarlyConnection, takeEarlyConnection } from "./early-connections.js";

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
export async function plainFetch(address: string, request: HttpRequest): Promise<HttpAnswer> {
  const url = new URL(address);
  const client = await clientFor(url.protocol);
  for (;;) {
    const asked = ask(client, url, request);
    try {
      return answerOf(await asked.answer, request.signal);
    } catch (error) {
      // The server ended a connection that had been idle, as this request went out on it. Each time there is one less.
      const isStale = asked.wasOpen() && codeOf(error) === "ECONNRESET" && !request.signal.aborted;
      if (!isStale) throw error;
    }
  }
}

function clientFor(protocol: string): Promise<Client> {
  const known = clients.get(protocol);
  if (known !== undefined) return known;
  const made = protocol === "https:" ? import("node:https") : import("node:http");
  const client = made.then(({ Agent, request }) => {
    const agent = new Agent({ keepAlive: true });
    // An agent asks for a connection when none of its own is free.
    const connect = agent.createConnection.bind(agent);
    agent.createConnection = (options, onCreated) =>
      takeEarlyConnection(protocol, options) ?? connect(options, onCreated);
    return { agent, request };
  });
  clients.set(protocol, client);
  return client;
}

interface Asked {
  readonly answer: Promise<IncomingMessage>;
  /** Whether the connection was there before the request. */
  wasOpen(): boolean;
}

function ask({ agent, request }: Client, url: URL, { headers, signal }: HttpRequest): Asked {
  signal.throwIfAborted();
  const sent = request(url, {
    agent,
    method: "GET",
    headers: { "user-agent": "qcow", accept: "*/*", "accept-encoding": "identity", ...headers },
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
  return { answer, wasOpen: () => sent.reusedSocket || isEarlyConnection(sent.socket) };
}

function answerOf(incoming: IncomingMessage, signal: AbortSignal): HttpAnswer {
  const { statusCode: status = 0, rawHeaders } = incoming;
  const isBodiless = BODILESS.includes(status);
  if (isBodiless) incoming.resume();
  return { status, headers: headersOf(rawHeaders), body: isBodiless ? null : bodyOf(incoming, signal) };
}

/** `raw` has names and values in turn. What comes twice is one, as in `fetch`. */
function headersOf(raw: readonly string[]): HttpAnswerHeaders {
  const headers = new Map<string, string>();
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = (raw[at] ?? "").toLowerCase();
    const before = headers.get(name);
    const value = (raw[at + 1] ?? "").trim();
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return { get: (name) => headers.get(name.toLowerCase()) ?? null };
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
