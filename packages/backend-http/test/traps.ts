// What real servers do wrong, or do in a way that naive readers get wrong: one function each, which makes a trap for
// conformance-server.ts. What the reader must make of it is in the tests.

import type { ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import type { Exchange, Trap } from "./conformance-server.js";

/** Only requests from number `first` on, and before number `end`, meet `trap`. */
export function between(first: number, end: number, trap: Trap): Trap {
  return (exchange) => (exchange.number >= first && exchange.number < end ? trap(exchange) : false);
}

/** Advertises ranges, and sends the whole file with 200. */
export const wholeFile: Trap = (exchange) => answerWhole(exchange, true);

/** The same, without saying how long it is. */
export const wholeFileOfUnknownLength: Trap = (exchange) => answerWhole(exchange, false);

function answerWhole({ server, response }: Exchange, withLength: boolean): boolean {
  const length = withLength ? { "content-length": String(server.contents.length) } : {};
  response.writeHead(200, { ...server.headers(), ...length }).end(server.contents);
  return true;
}

/** The file becomes another one of the same length just before request `number`. */
export function replacedBefore(number: number, etag: string | undefined, lastModified?: string): Trap {
  return ({ number: current, server }) => {
    if (current !== number) return false;
    server.contents = server.contents.map((byte) => byte ^ 0xff);
    server.etag = etag;
    server.lastModified = lastModified;
    return false;
  };
}

/** Says another thing than the truth in its headers; undefined leaves a header out. */
export function headersSay(change: (right: Record<string, string>, exchange: Exchange) => void): Trap {
  return (exchange) => {
    const { range, server, response } = exchange;
    if (range === undefined) return false;
    const headers = server.partHeaders(range.start, range.end);
    change(headers, exchange);
    response.writeHead(206, headers).end(server.contents.subarray(range.start, range.end));
    return true;
  };
}

/** Leaves out the first byte, and says so. */
export const elsewhere: Trap = ({ range, server, response }) => {
  if (range === undefined) return false;
  const { start, end } = range;
  response.writeHead(206, server.partHeaders(start + 1, end)).end(server.contents.subarray(start + 1, end));
  return true;
};

/** Compresses parts, as proxies do. */
export const gzipped: Trap = ({ range, server, response }) => {
  if (range === undefined) return false;
  const body = gzipSync(server.contents.subarray(range.start, range.end));
  const headers = { ...server.partHeaders(range.start, range.end), "content-encoding": "gzip" };
  response.writeHead(206, { ...headers, "content-length": String(body.length) }).end(body);
  return true;
};

/** Sends at most `bytes` bytes of what was asked for, and says so: that is allowed. */
export function rangeCap(bytes: number): Trap {
  return ({ range, server, response }) => {
    if (range === undefined) return false;
    const end = Math.min(range.end, range.start + bytes);
    response
      .writeHead(206, server.partHeaders(range.start, end))
      .end(server.contents.subarray(range.start, end));
    return true;
  };
}

/** Answers with `status` and nothing else. */
export function status(code: number, headers: Record<string, string> = {}): Trap {
  return ({ response }) => {
    response.writeHead(code, headers).end("sorry");
    return true;
  };
}

/** Sends 1 KiB at a time, giving the event loop a turn after each. */
export const drip: Trap = ({ range, server, response }) => {
  if (range === undefined) return false;
  response.writeHead(206, server.partHeaders(range.start, range.end));
  const send = (at: number) => {
    if (at >= range.end) response.end();
    else
      response.write(server.contents.subarray(at, Math.min(at + 1024, range.end)), () =>
        setImmediate(send, at + 1024),
      );
  };
  send(range.start);
  return true;
};

/** Takes the request, and never says a word. */
export const silence: Trap = () => true;

/** Sends `bytes` bytes of the body, and then nothing any more. */
export function stallAfter(bytes: number): Trap {
  return startOfBody(bytes, () => undefined);
}

/** Sends `bytes` bytes of the body, and ends the connection. */
export function cutAfter(bytes: number): Trap {
  return startOfBody(bytes, (response) => response.destroy());
}

function startOfBody(bytes: number, then: (response: ServerResponse) => void): Trap {
  return ({ range, server, response }) => {
    if (range === undefined) return false;
    response.writeHead(206, server.partHeaders(range.start, range.end));
    response.write(server.contents.subarray(range.start, Math.min(range.start + bytes, range.end)), () =>
      then(response),
    );
    return true;
  };
}

/** Ends the answer properly, only too early; nothing but Content-Range says how much it should have been. */
export function endAfter(bytes: number): Trap {
  return ({ range, server, response }) => {
    if (range === undefined) return false;
    const { "content-length": _, ...headers } = server.partHeaders(range.start, range.end);
    response.writeHead(206, headers);
    response.end(server.contents.subarray(range.start, Math.min(range.start + bytes, range.end)));
    return true;
  };
}

/** Sends more than its Content-Range says, a moment after what is right. */
export function tooMuch(bytes: number): Trap {
  return ({ range, server, response }) => {
    if (range === undefined) return false;
    const { "content-length": _, ...headers } = server.partHeaders(range.start, range.end);
    response.writeHead(206, headers);
    const more = () => setImmediate(() => response.end(new Uint8Array(bytes)));
    response.write(server.contents.subarray(range.start, range.end), more);
    return true;
  };
}

/** Sends all, and never ends the answer. */
export const unended: Trap = ({ range, server, response }) => {
  if (range === undefined) return false;
  const { "content-length": _, ...headers } = server.partHeaders(range.start, range.end);
  response.writeHead(206, headers).write(server.contents.subarray(range.start, range.end));
  return true;
};

/** Resets the connection before it answers. */
export const reset: Trap = ({ request }) => {
  request.socket.resetAndDestroy();
  return true;
};

/** Sends headers without end, as fast as they are taken. */
export const endlessHeaders: Trap = ({ request }) => {
  const { socket } = request;
  socket.write("HTTP/1.1 206 Partial Content\r\n");
  const send = () =>
    socket.writable && socket.write(`x-more: ${"x".repeat(1000)}\r\n`, () => setImmediate(send));
  send();
  return true;
};

/** Speaks no HTTP. */
export const noHttp: Trap = ({ request }) => {
  request.socket.end("SSH-2.0-OpenSSH_9.2\r\n");
  return true;
};

/** Several parts in one body, although one was asked for. */
export const multipart: Trap = ({ range, server, response }) => {
  if (range === undefined) return false;
  response.writeHead(206, { ...server.headers(), "content-type": "multipart/byteranges; boundary=x" });
  response.end(
    `--x\r\ncontent-range: bytes ${range.start}-${range.end - 1}/${server.contents.length}\r\n\r\n`,
  );
  return true;
};

/** Refuses ranges that end behind the file. */
export const strictRanges: Trap = ({ request, server, response }) => {
  const last = Number(/-(\d+)$/.exec(request.headers.range ?? "")?.[1]);
  if (!(last >= server.contents.length)) return false;
  response.writeHead(416, { "content-range": `bytes */${server.contents.length}` }).end();
  return true;
};

/** Sends every request for `path` on to `target`. */
export function redirect(path: string, target: (exchange: Exchange) => string, code = 302): Trap {
  return (exchange) => {
    if (exchange.request.url !== path) return false;
    exchange.response.writeHead(code, { location: target(exchange) }).end();
    return true;
  };
}

/** Sends on to a signed address each of which is good for `uses` requests, and refuses it afterwards with `code`. */
export function signedAddresses(uses: number, code = 403): Trap {
  let last = 0;
  const left = new Map<string, number>();
  return ({ request, response }) => {
    const path = request.url ?? "";
    if (!path.startsWith("/signed")) {
      last += 1;
      const location = `/signed?signature=secret-${last}`;
      left.set(location, uses);
      response.writeHead(302, { location }).end();
      return true;
    }
    const before = left.get(path) ?? 0;
    left.set(path, before - 1);
    if (before > 0) return false;
    response.writeHead(code).end();
    return true;
  };
}

/** Lets in only who says `authorization`. */
export function lockedWith(authorization: string, code = 401): Trap {
  return ({ request, response }) => {
    if (request.headers.authorization === authorization) return false;
    response.writeHead(code).end();
    return true;
  };
}
