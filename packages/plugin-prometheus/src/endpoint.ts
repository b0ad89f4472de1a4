// Answers scrapes over HTTP: /metrics, and /healthz for those who only want to know whether somebody is there. Owns that
// nobody who connects can do more than read, or keep the process from ending.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { boundConnections } from "./bound-connections.js";
import type { ListenAddress } from "./listen-address.js";
import { UsageError } from "./usage-error.js";

/** Scrapers are few. */
const CONNECTIONS_MAX = 64;
const REQUEST_MS_MAX = 10_000;
const HEADER_BYTES_MAX = 8 * 1024;

export interface MetricsText {
  readonly contentType: string;
  text(): Promise<string>;
}

export interface Endpoint {
  /** Address of the metrics. */
  readonly url: string;
  close(): Promise<void>;
}

/** Listens; rejects when the address cannot be had. */
export async function openEndpoint(metrics: MetricsText, { host, port }: ListenAddress): Promise<Endpoint> {
  const server = createServer(
    { requestTimeout: REQUEST_MS_MAX, headersTimeout: REQUEST_MS_MAX, maxHeaderSize: HEADER_BYTES_MAX },
    (request, response) => {
      answer(request, response, metrics).catch(() => response.destroy());
    },
  );
  boundConnections(server, CONNECTIONS_MAX);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(new UsageError(`metrics cannot be served at this address: ${error.message}`, { cause: error })),
    );
    server.listen({ host, port }, resolve);
  });
  // Failing to accept one connection must not end the process; waiting for some must not keep it.
  server.on("error", () => undefined);
  server.unref();
  return { url: urlOf(server), close: () => closed(server) };
}

async function answer(
  { method, url = "/" }: IncomingMessage,
  response: ServerResponse,
  metrics: MetricsText,
): Promise<void> {
  response.setHeader("x-content-type-options", "nosniff");
  if (method !== "GET" && method !== "HEAD") {
    send(response, 405, "text/plain; charset=utf-8", "GET and HEAD only\n", { allow: "GET, HEAD" });
    return;
  }
  const path = url.replace(/\?.*$/s, "");
  if (path === "/metrics") {
    const text = await metrics.text();
    send(response, 200, metrics.contentType, text);
  } else if (path === "/healthz") send(response, 200, "text/plain; charset=utf-8", "ok\n");
  else send(response, 404, "text/plain; charset=utf-8", "see /metrics\n");
}

function send(
  response: ServerResponse,
  status: number,
  type: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, { "content-type": type, "content-length": bytes.byteLength, ...headers });
  // Node.js leaves the body out where the request was HEAD.
  response.end(bytes);
}

function urlOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}/metrics`;
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
