// A socket as a stream: what waits, what arrives, and what ends.

import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { NbdStream } from "../../src/index.js";
import { socketStream } from "../../src/node/index.js";

let listening: Server;
let client: Socket;
let socket: Socket;
let stream: NbdStream;

beforeEach(async () => {
  listening = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(listening, "listening");
  const { port } = listening.address() as { port: number };
  client = connect({ port, host: "127.0.0.1", noDelay: true });
  [socket] = (await once(listening, "connection")) as [Socket];
  stream = socketStream(socket);
});

afterEach(async () => {
  client.destroy();
  socket.destroy();
  listening.close();
});

async function all(): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for (let chunk = await stream.read(); chunk !== undefined; chunk = await stream.read()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

it("hands over everything in order, then the end", async () => {
  const sent = Buffer.alloc(3_000_000, "0123456789");
  client.end(sent);
  expect((await all()).equals(sent)).toBe(true);
  expect(await stream.read()).toBeUndefined();
});

it("makes a peer wait that sends more than is read, also in the smallest pieces", async () => {
  let sent = 0;
  for (; sent < 5000 && !socket.isPaused(); sent++) {
    client.write("x");
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(socket.isPaused()).toBe(true);
  client.end();
  expect((await all()).length).toBe(sent);
});

it("sends parts in order, and everything before it closes", async () => {
  const received: Buffer[] = [];
  client.on("data", (chunk) => received.push(chunk));
  const parts = Array.from({ length: 100 }, (_, index) => Buffer.alloc(20_000, index));
  void stream.write(parts);
  stream.close();
  await once(client, "end");
  expect(Buffer.concat(received).equals(Buffer.concat(parts))).toBe(true);
});

it("settles what is under way when it is destroyed, here or there", async () => {
  const reading = stream.read();
  stream.destroy();
  expect(await reading).toBeUndefined();
  await expect(stream.write([Buffer.alloc(1)])).rejects.toThrow();
  await expect(stream.write([])).resolves.toBeUndefined();
});

it("rejects when the peer breaks off while it is written to", async () => {
  const writing = (async () => {
    for (;;) await stream.write([Buffer.alloc(1_000_000)]);
  })();
  client.resetAndDestroy();
  await expect(writing).rejects.toThrow();
});
