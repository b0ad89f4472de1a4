// A server on 127.0.0.1 that serves one file in ranges, as RFC 9110 wants it, and keeps account of who asked what.
// What servers do wrong is in traps.ts; a trap is put in front of the right answer.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** One request, as a trap sees it. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Counts the requests of this server, from 1. */
  readonly number: number;
  /** The bytes asked for, `end` exclusive and not beyond the file; undefined when the whole file is. */
  readonly range: { readonly start: number; readonly end: number } | undefined;
  readonly server: ConformanceServer;
}

/** Answers a request wrongly and says `true`, or leaves it to the next trap. */
export type Trap = (exchange: Exchange) => boolean | undefined;

/** What was asked. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  readonly headers: IncomingMessage["headers"];
}

export class ConformanceServer {
  contents: Uint8Array;
  etag: string | undefined = '"one"';
  lastModified: string | undefined;
  readonly asked: Asked[] = [];
  readonly traps: Trap[] = [];
  readonly sockets = new Set<Socket>();
  /** Answers that are not finished. */
  open = 0;
  /** The most answers that were not finished at once. */
  openMax = 0;
  readonly #server: Server;

  private constructor(contents: Uint8Array) {
    this.contents = contents;
    this.#server = createServer((request, response) => this.#serve(request, response));
    this.#server.on("connection", (socket) => {
      this.sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => this.sockets.delete(socket));
    });
  }

  static async start(contents: Uint8Array, ...traps: Trap[]): Promise<ConformanceServer> {
    const server = new ConformanceServer(contents);
    server.traps.push(...traps);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `${this.origin}/disk.qcow2`;
  }

  /** The ranges that were asked for, in the order of the requests. */
  get ranges(): (string | undefined)[] {
    return this.asked.map(({ range }) => range);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** The headers that every right answer has. */
  headers(): Record<string, string> {
    return {
      "accept-ranges": "bytes",
      ...(this.etag === undefined ? {} : { etag: this.etag }),
      ...(this.lastModified === undefined ? {} : { "last-modified": this.lastModified }),
    };
  }

  /** The right headers of a partial answer. */
  partHeaders(start: number, end: number): Record<string, string> {
    return {
      ...this.headers(),
      "content-range": `bytes ${start}-${end - 1}/${this.contents.length}`,
      "content-length": String(end - start),
    };
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { method = "", url = "", headers } = request;
    this.asked.push({ method, path: url, range: headers.range, headers });
    this.open += 1;
    this.openMax = Math.max(this.openMax, this.open);
    response.on("close", () => {
      this.open -= 1;
    });
    response.on("error", () => undefined);
    const exchange = {
      request,
      response,
      number: this.asked.length,
      range: this.#rangeOf(headers.range),
      server: this,
    };
    if (this.traps.some((trap) => trap(exchange) === true)) return;
    this.answer(exchange);
  }

  #rangeOf(header: string | undefined): { start: number; end: number } | undefined {
    const match = /^bytes=(\d+)-(\d+)$/.exec(header ?? "");
    if (match === null) return undefined;
    return { start: Number(match[1]), end: Math.min(Number(match[2]) + 1, this.contents.length) };
  }

  /** The right answer. */
  answer({ request, response, range }: Exchange): void {
    const condition = request.headers["if-match"];
    if (condition !== undefined && condition !== this.etag) {
      response.writeHead(412, this.headers()).end();
    } else if (range === undefined) {
      response.writeHead(200, { ...this.headers(), "content-length": String(this.contents.length) });
      response.end(this.contents);
    } else if (range.start >= this.contents.length) {
      response
        .writeHead(416, { ...this.headers(), "content-range": `bytes */${this.contents.length}` })
        .end();
    } else {
      response.writeHead(206, this.partHeaders(range.start, range.end));
      response.end(this.contents.subarray(range.start, range.end));
    }
  }
}
