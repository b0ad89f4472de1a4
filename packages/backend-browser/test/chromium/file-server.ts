// A server of files from memory, on a port of its own and so of an origin of its own. Owns ranges, ETags and CORS as a
// good server has them, and a log of what it was asked.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface ServedFile {
  readonly bytes: Uint8Array;
  readonly type?: string;
}

export interface FileServer extends AsyncDisposable {
  readonly origin: string;
  /** Method, path and range of each request so far; write to it to start over. */
  readonly log: string[];
}

export interface FileServerOptions {
  /** Whether pages of other origins may read. */
  readonly cors?: boolean;
  /** Whether pages of other origins may see what part of a file an answer is. */
  readonly exposesHeaders?: boolean;
}

export async function serveFiles(
  files: ReadonlyMap<string, ServedFile>,
  { cors = false, exposesHeaders = cors }: FileServerOptions = {},
): Promise<FileServer> {
  const log: string[] = [];
  const server = createServer((request, response) => {
    log.push(
      [request.method, request.url, request.headers.range].filter((part) => part !== undefined).join(" "),
    );
    if (cors) response.setHeader("Access-Control-Allow-Origin", "*");
    if (exposesHeaders) response.setHeader("Access-Control-Expose-Headers", "Content-Range, ETag");
    answer(files, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    log,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answer(
  files: ReadonlyMap<string, ServedFile>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const file = files.get(decodeURIComponent(request.url ?? ""));
  if (file === undefined || request.method !== "GET") {
    response.writeHead(file === undefined ? 404 : 405).end();
    return;
  }
  const { bytes, type = "application/octet-stream" } = file;
  response.setHeader("Content-Type", type);
  response.setHeader("ETag", `"${bytes.length}"`);
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
  if (range === null) {
    response.end(bytes);
    return;
  }
  const start = Number(range[1]);
  const end = Math.min(Number(range[2]) + 1, bytes.length);
  if (start >= end) {
    response.writeHead(416, { "Content-Range": `bytes */${bytes.length}` }).end();
    return;
  }
  response.writeHead(206, { "Content-Range": `bytes ${start}-${end - 1}/${bytes.length}` });
  response.end(bytes.subarray(start, end));
}
