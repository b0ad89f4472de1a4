import { type AddressInfo, createServer, type Server } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { connectAhead, connectEarly, takeEarlyConnection } from "../src/early-connections.js";

let server: Server;
let accepted = 0;

beforeEach(async () => {
  accepted = 0;
  server = createServer((socket) => {
    accepted++;
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(() => server.close());

const port = () => (server.address() as AddressInfo).port;
const url = () => `http://127.0.0.1:${port()}/disk.qcow2`;
const taken = () => takeEarlyConnection("http:", { host: "127.0.0.1", port: port() });

it("connects to the server of the first word that is a URL, and whoever asks next has the connection", async () => {
  await connectAhead(["--json", url()], {});
  const first = taken();
  expect(first).toBeDefined();
  expect(taken()).toBeUndefined();
  await new Promise((resolve) => (first?.connecting ? first.once("connect", resolve) : resolve(undefined)));
  first?.destroy();
});

it("is one of those that are opened early later on", async () => {
  await connectAhead([url()], {});
  await connectEarly(new URL(url()), 3);
  const all = [taken(), taken(), taken()];
  expect(all.every((socket) => socket !== undefined)).toBe(true);
  expect(taken()).toBeUndefined();
  for (const socket of all) socket?.destroy();
});

it.each([
  ["there is no URL", () => ["disk.qcow2", "--json"], {}],
  ["it is no valid one", () => ["http://[", "https:"], {}],
  ["a proxy decides", () => [url()], { HTTP_PROXY: "http://proxy.example" }],
])("does nothing when %s", async (_what, words, environment) => {
  await connectAhead(words(), environment);
  expect(taken()).toBeUndefined();
  expect(accepted).toBe(0);
});
