import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { hostname } from "node:os";
import { Gauge, Registry } from "prom-client";
import { afterEach, beforeEach, expect, it } from "vitest";
import { pushMetrics } from "../src/push-metrics.js";
import { parsePushTarget } from "../src/push-target.js";

let server: Server;
let status = 200;
let requests: { line: string; authorization: string | undefined; body: string }[] = [];
const registry = new Registry();
new Gauge({ name: "qcow_x", help: "x", registers: [registry] }).set(1);

beforeEach(async () => {
  status = 200;
  requests = [];
  server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const { authorization } = request.headers;
    requests.push({ line: `${request.method} ${request.url}`, authorization, body });
    response.writeHead(status).end("secret of the server");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(() => new Promise((resolve) => server.close(resolve)));

function target(path = "") {
  return parsePushTarget(`http://user:secret@127.0.0.1:${(server.address() as AddressInfo).port}${path}`);
}

it("replaces the group of this machine and command, with the user's credentials", async () => {
  await pushMetrics(registry, target("/gateway"), { command: "check", id: undefined });
  expect(requests).toMatchObject([
    {
      line: `PUT /gateway/metrics/job/qcow/instance/${hostname()}/command/check`,
      authorization: `Basic ${Buffer.from("user:secret").toString("base64")}`,
      body: expect.stringContaining("qcow_x 1\n"),
    },
  ]);
});

it("images that the user has named have groups of their own", async () => {
  await pushMetrics(registry, target(), { command: "check", id: "a/b c" });
  expect(requests[0]?.line).toBe(`PUT /metrics/job/qcow/instance/${hostname()}/command/check/id/a%2Fb%20c`);
});

it("a failure names the gateway and the status, and nothing that is secret", async () => {
  status = 400;
  const failed = pushMetrics(registry, target("/x"), { command: "check", id: undefined });
  await expect(failed).rejects.toThrow(
    /^metrics could not be pushed to http:\/\/127\.0\.0\.1:[0-9]+\/x: push failed with status 400$/,
  );
});

it("so does a gateway that is not there", async () => {
  const pushed = pushMetrics(registry, parsePushTarget("http://user:secret@127.0.0.1:1"), {
    command: "check",
    id: undefined,
  });
  await expect(pushed).rejects.toThrow(
    /^metrics could not be pushed to http:\/\/127\.0\.0\.1:1\/: ECONNREFUSED$/,
  );
});
