import { connect } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Endpoint, openEndpoint } from "../src/endpoint.js";

let endpoint: Endpoint;
let failing = false;

beforeEach(async () => {
  failing = false;
  const metrics = {
    contentType: "text/plain; version=0.0.4; charset=utf-8",
    text: async () => {
      if (failing) throw new Error("no metrics");
      return "qcow_x 1\n";
    },
  };
  endpoint = await openEndpoint(metrics, { host: "127.0.0.1", port: 0 });
});
afterEach(() => endpoint.close());

function at(path: string): string {
  return new URL(path, endpoint.url).href;
}

it("answers with the metrics, their type and their length", async () => {
  const response = await fetch(endpoint.url);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect(response.headers.get("content-length")).toBe("9");
  expect(await response.text()).toBe("qcow_x 1\n");
});

it("HEAD has the headers without the text, and a query changes nothing", async () => {
  const response = await fetch(at("/metrics?x=1"), { method: "HEAD" });
  expect([response.status, response.headers.get("content-length"), await response.text()]).toEqual([
    200,
    "9",
    "",
  ]);
});

it("says that it is there at /healthz, also when there are no metrics", async () => {
  failing = true;
  expect(await (await fetch(at("/healthz"))).text()).toBe("ok\n");
  await expect(fetch(endpoint.url)).rejects.toThrow();
  failing = false;
  expect((await fetch(endpoint.url)).status).toBe(200);
});

it.each(["POST", "PUT", "DELETE", "OPTIONS"])("%s is refused", async (method) => {
  const response = await fetch(endpoint.url, { method });
  expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
});

it("there is nothing else", async () => {
  const paths = ["/", "/metrics/", "/../etc/passwd", "/healthz/x"];
  expect(await Promise.all(paths.map(async (path) => (await fetch(at(path))).status))).toEqual([
    404, 404, 404, 404,
  ]);
});

it("a client that says nothing, or nonsense, keeps neither others nor the end waiting", async () => {
  const port = Number(new URL(endpoint.url).port);
  const silent = connect(port, "127.0.0.1");
  const noisy = connect(port, "127.0.0.1").on("error", () => undefined);
  const ended = [silent, noisy].map((socket) => new Promise((resolve) => socket.on("close", resolve)));
  noisy.write("\u0000\u0001nonsense\r\n\r\n");
  expect((await fetch(endpoint.url)).status).toBe(200);
  await endpoint.close();
  silent.resume();
  noisy.resume();
  await Promise.all(ended);
});

it("clients that ask for nothing make room for one that does", async () => {
  const port = Number(new URL(endpoint.url).port);
  const silent = Array.from({ length: 200 }, () => connect(port, "127.0.0.1").on("error", () => undefined));
  await Promise.all(silent.map((socket) => new Promise((resolve) => socket.once("connect", resolve))));
  const closed = silent.map((socket) => new Promise((resolve) => socket.resume().once("close", resolve)));
  expect((await fetch(endpoint.url)).status).toBe(200);
  // All but the last of them, and not only once they have been silent for long.
  await Promise.all(closed.slice(0, 100));
  await endpoint.close();
  await Promise.all(closed);
});

it("an address in use is told", async () => {
  const port = Number(new URL(endpoint.url).port);
  const again = openEndpoint({ contentType: "", text: async () => "" }, { host: "127.0.0.1", port });
  await expect(again).rejects.toMatchObject({
    code: "CLI_USAGE",
    message: expect.stringMatching(/EADDRINUSE/),
  });
});
