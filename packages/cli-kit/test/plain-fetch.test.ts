// Sending requests with Node's own client: what is sent, how an answer comes, and how it ends.

import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { HttpRequest } from "@qcow/backend-http";
import { afterEach, expect, it } from "vitest";
import { connectEarly } from "../src/early-connections.js";
import { plainFetch } from "../src/plain-fetch.js";

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

/** The answer to a request, with what the standard offers for reading a body. */
async function get(url: string, request: Partial<HttpRequest> = {}) {
  const signal = new AbortController().signal;
  const { status, headers, body } = await plainFetch(url, {
    headers: {},
    redirect: "manual",
    signal,
    ...request,
  });
  const response = new Response(body);
  return { status, headers, body, text: () => response.text(), arrayBuffer: () => response.arrayBuffer() };
}

async function serve(listener: RequestListener): Promise<{ url: string; sockets: Socket[] }> {
  const server = createServer(listener);
  const sockets: Socket[] = [];
  server.on("connection", (socket) => sockets.push(socket));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, sockets };
}

it("sends the headers of the request, and asks for what is not compressed", async () => {
  const { url } = await serve(({ headers }, response) => response.end(JSON.stringify(headers)));
  const response = await get(url, { headers: { range: "bytes=0-9", "x-key": "k" } });
  expect(JSON.parse(await response.text())).toMatchObject({
    range: "bytes=0-9",
    "x-key": "k",
    "accept-encoding": "identity",
    "user-agent": "qcow",
  });
});

it("gives status, headers and body, and follows no redirect", async () => {
  const { url } = await serve((_request, response) =>
    response.writeHead(302, { location: "/there", "x-two": ["a", "b"] }).end("moved"),
  );
  const response = await get(url);
  expect(response.status).toBe(302);
  expect(response.headers.get("location")).toBe("/there");
  expect(response.headers.get("x-two")).toBe("a, b");
  expect(await response.text()).toBe("moved");
});

it("gives an answer without a body none", async () => {
  const { url } = await serve((_request, response) => response.writeHead(204).end());
  expect((await get(url)).body).toBe(null);
});

it("hands a long body on whole, and uses its connection again", async () => {
  const bytes = Buffer.alloc(3_000_000, "body");
  const { url, sockets } = await serve((_request, response) => response.end(bytes));
  for (let time = 0; time < 3; time += 1) {
    const body = await (await get(url)).arrayBuffer();
    expect(Buffer.from(body).equals(bytes)).toBe(true);
  }
  expect(sockets).toHaveLength(1);
});

it("takes no more of a body than is read", async () => {
  let sent = 0;
  const { url } = await serve((_request, response) => {
    const more = (): void => {
      while (sent < 100_000_000) {
        sent += 1_000_000;
        if (!response.write(Buffer.alloc(1_000_000))) break;
      }
    };
    response.on("drain", more);
    more();
  });
  const response = await get(url);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(sent).toBeLessThan(50_000_000);
  await response.body?.cancel();
});

it("rejects when a body ends before its time", async () => {
  const { url } = await serve((_request, response) => {
    response.writeHead(200, { "content-length": 100 }).write("part");
    setImmediate(() => response.destroy());
  });
  const response = await get(url);
  await expect(response.arrayBuffer()).rejects.toThrow();
});

it("rejects with the reason of the signal before and within an answer, and frees the socket", async () => {
  const reason = new Error("enough");
  const { url, sockets } = await serve((request, response) => {
    if (request.url === "/part") response.writeHead(200, { "content-length": 100 }).write("part");
  });
  const before = new AbortController();
  const never = get(url, { signal: before.signal });
  await expect.poll(() => sockets.length).toBe(1);
  before.abort(reason);
  await expect(never).rejects.toBe(reason);

  const within = new AbortController();
  const response = await get(`${url}part`, { signal: within.signal });
  const body = response.arrayBuffer();
  within.abort(reason);
  await expect(body).rejects.toBe(reason);
  await expect(get(url, { signal: within.signal })).rejects.toBe(reason);
  await expect.poll(() => sockets.filter(({ destroyed }) => !destroyed).length).toBe(0);
});

it("frees the socket of a body that is cancelled", async () => {
  const { url, sockets } = await serve((_request, response) =>
    response.writeHead(200, { "content-length": 100 }).write("part"),
  );
  await (await get(url)).body?.cancel();
  await expect.poll(() => sockets.every(({ destroyed }) => destroyed)).toBe(true);
});

it("sends again what met a connection that the server had ended meanwhile", async () => {
  let requests = 0;
  const { url, sockets } = await serve((request, response) => {
    requests += 1;
    if (requests === 2) request.socket.resetAndDestroy();
    else response.end("here");
  });
  await (await get(url)).text();
  expect(await (await get(url)).text()).toBe("here");
  expect([requests, sockets.length]).toEqual([3, 2]);
});

it("rejects with the socket's own error when there is no server", async () => {
  const { url } = await serve(() => undefined);
  const [server] = servers.splice(0);
  await new Promise((resolve) => server?.close(resolve));
  await expect(get(url)).rejects.toMatchObject({ code: "ECONNREFUSED" });
});

it("uses connections that were opened early before it opens others", async () => {
  const { url, sockets } = await serve((_request, response) => response.end("here"));
  await connectEarly(new URL(url), 2);
  await expect.poll(() => sockets.length).toBe(2);
  const answers = await Promise.all(Array.from({ length: 3 }, () => get(url)));
  expect(await Promise.all(answers.map((answer) => answer.text()))).toEqual(["here", "here", "here"]);
  expect(sockets).toHaveLength(3);
});

it("opens no more early ones for a second file of the same server", async () => {
  const { url, sockets } = await serve((_request, response) => response.end("here"));
  for (let file = 0; file < 3; file += 1) await connectEarly(new URL(url), 2);
  expect(await (await get(url)).text()).toBe("here");
  await expect.poll(() => sockets.length).toBe(2);
});

it("opens one of its own where an early one was ended by the server, or has failed", async () => {
  const { url, sockets } = await serve((_request, response) => response.end("here"));
  await connectEarly(new URL(url), 2);
  await expect.poll(() => sockets.length).toBe(2);
  for (const socket of sockets) socket.resetAndDestroy();
  expect(await (await get(url)).text()).toBe("here");
  await connectEarly(new URL("http://127.0.0.1:9/"), 1);
  await expect(get("http://127.0.0.1:9/")).rejects.toMatchObject({ code: "ECONNREFUSED" });
});
