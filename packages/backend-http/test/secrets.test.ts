import { inspect } from "node:util";
import { type HttpEvent, openHttp, redactUrl } from "@qcow/backend-http";
import { afterEach, expect, it } from "vitest";
import { ConformanceServer } from "./conformance-server.js";
import { readAt, sampleBytes, testOptions } from "./open-for-test.js";
import * as trap from "./traps.js";

const servers: ConformanceServer[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

it("shows addresses without user, password and query", () => {
  expect(redactUrl(new URL("https://me:hush@example.org:8443/a/b%20c?sig=hush#x"))).toBe(
    "https://example.org:8443/a/b%20c?…",
  );
  expect(redactUrl(new URL("http://example.org/"))).toBe("http://example.org/");
});

it.each(["a status", "a redirect", "the network"])(
  "keeps secrets out of errors and events when %s is what fails",
  async (what) => {
    const server = await ConformanceServer.start(
      sampleBytes(100),
      what === "a redirect"
        ? trap.redirect("/disk.qcow2?signature=hush", () => "ftp://me:hush@example.org/?hush")
        : what === "a status"
          ? trap.signedAddresses(0)
          : trap.reset,
    );
    servers.push(server);
    const { options, events } = testOptions({ headers: () => ({ "x-token": "hush" }) });
    const url = `${server.url.replace("//", "//me:hush@")}?signature=hush`;
    const error = await openHttp(url, options).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: "BackendError" });
    expect(inspect(error, { depth: 9 })).not.toContain("hush");
    expect(inspect(events, { depth: 9 })).not.toContain("hush");
  },
);

it("keeps secrets out of errors that a fetch of the caller's makes", async () => {
  const fetch = async (url: string): Promise<Response> => {
    throw new Error(`cannot fetch ${url}`, { cause: new Error(`no route to ${url}`) });
  };
  const { options } = testOptions({ fetch });
  const error = await openHttp("https://example.org/disk?signature=hush", options).catch(
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ code: "BACKEND_IO" });
  expect(inspect(error, { depth: 9 })).not.toContain("hush");
});

it("tells an observer of each request, answer, end, redirect, retry and renewal", async () => {
  let isUp = false;
  const server = await ConformanceServer.start(
    sampleBytes(10_000),
    trap.redirect("/disk.qcow2", () => "/moved"),
    (exchange) => trap.lockedWith("2")(exchange),
    (exchange) => {
      if (isUp) return false;
      isUp = true;
      return trap.status(503)(exchange);
    },
  );
  servers.push(server);
  let asked = 0;
  const { options, events } = testOptions({ headers: () => ({ authorization: String(++asked) }) });
  const backend = await openHttp(server.url, options);
  await readAt(backend, 5000, 10);
  await backend.close();
  const summary = events.map((event: HttpEvent) =>
    event.kind === "answer"
      ? `answer ${event.status}`
      : event.kind === "end"
        ? `end ${event.bytes}`
        : event.kind,
  );
  expect(summary).toEqual([
    ...["request", "answer 302", "redirect", "request", "answer 401", "renew"],
    ...["request", "answer 302", "redirect", "request", "answer 503", "retry"],
    ...["request", "answer 302", "redirect", "request", "answer 206", "end 4096"],
    ...["request", "answer 206", "end 10000"],
  ]);
  expect(backend.counters).toMatchObject({ requests: 7, redirects: 3, retries: 1, renewals: 1 });
});
