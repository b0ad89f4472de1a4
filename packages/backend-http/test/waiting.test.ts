import { openHttp } from "@qcow/backend-http";
import { ManualClock } from "@qcow/backend-memory";
import { afterEach, describe, expect, it } from "vitest";
import { ConformanceServer, type Trap } from "./conformance-server.js";
import { expectBytes, openForTest, readAt, sampleBytes, testOptions, until } from "./open-for-test.js";
import * as trap from "./traps.js";

const contents = sampleBytes(300_000);
const servers: ConformanceServer[] = [];

async function serve(...traps: Trap[]): Promise<ConformanceServer> {
  const server = await ConformanceServer.start(contents, ...traps);
  servers.push(server);
  return server;
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

describe("a server that says nothing", () => {
  it.each([
    ["at all", trap.silence],
    ["after its headers", trap.stallAfter(0)],
    ["after a part of the body", trap.stallAfter(2000)],
    ["after all of the body, whose end is missing", trap.unended],
  ])(
    "%s is given up after five tries, in ten minutes of a clock that a test moves",
    async (_title, stall) => {
      const server = await serve(stall);
      const { options, clock } = testOptions({ onEvent: undefined });
      const opening = openHttp(server.url, options).catch((error: unknown) => error);
      await until(() => server.asked.length === 1);
      await clock.advance(600_000);
      expect(await opening).toMatchObject({
        code: "BACKEND_IO",
        message: /nothing came.* 30 s; tried 5 times/,
      });
      expect(clock.pending).toBe(0);
      await until(() => server.open === 0);
    },
  );

  it("for a while is asked again from where it stopped", async () => {
    const server = await serve(trap.between(2, 3, trap.stallAfter(100_000)));
    const { backend, clock, events } = await openForTest(server.url, { readAheadBytesMax: 0 });
    const read = readAt(backend, 65_536, 200_000);
    await until(() => backend.counters.bytesReceived === 4096 + 100_000);
    await clock.advance(30_000);
    expectBytes(await read, contents.subarray(65_536, 265_536));
    expect(server.ranges.slice(1)).toEqual(["bytes=65536-299999", "bytes=165536-299999"]);
    expect(events.filter(({ kind }) => kind === "retry").length).toBe(1);
    await backend.close();
  });

  it("now and then is no failure, however long the whole takes", async () => {
    let send: (() => void) | undefined;
    const slow: Trap = ({ range, server, response }) => {
      if (range === undefined) return false;
      response.writeHead(206, server.partHeaders(range.start, range.end));
      let at = range.start;
      send = () => {
        response.write(server.contents.subarray(at, Math.min(at + 10_000, range.end)));
        at += 10_000;
        if (at >= range.end) response.end();
      };
      return true;
    };
    const server = await serve(trap.between(2, 3, slow));
    const { backend, clock } = await openForTest(server.url);
    const read = readAt(backend, 65_536, 200_000);
    await until(() => send !== undefined);
    for (let sent = 0; sent < 234_464; sent += 10_000) {
      await clock.advance(29_000);
      send?.();
      await until(() => backend.counters.bytesReceived >= Math.min(4096 + sent + 10_000, 4096 + 234_464));
    }
    expectBytes(await read, contents.subarray(65_536, 265_536));
    expect(backend.counters.retries).toBe(0);
    expect(clock.monotonicMs()).toBeGreaterThan(600_000);
    await backend.close();
  });
});

describe("a server that cuts all its answers", () => {
  it("is asked again as often as it takes, while much arrives in between", async () => {
    const server = await serve(trap.between(2, 99, trap.cutAfter(66_000)));
    const { backend } = await openForTest(server.url, { tries: 2 });
    expectBytes(await readAt(backend, 65_536, 234_464), contents.subarray(65_536));
    expect(server.asked.length).toBe(1 + 4);
    await backend.close();
  });
});

describe("the wait before another try", () => {
  async function delaysOf(traps: Trap[], overrides = {}): Promise<number[]> {
    const server = await serve(...traps);
    const { options, events } = testOptions(overrides);
    await openHttp(server.url, options).then(
      (backend) => backend.close(),
      () => undefined,
    );
    return events.flatMap((event) => (event.kind === "retry" ? [event.delayMs] : []));
  }

  it("doubles, and is spread by chance", async () => {
    expect(await delaysOf([trap.status(503)])).toEqual([500, 1000, 2000, 4000]);
    expect(await delaysOf([trap.status(503)], { random: () => 0.999999 })).toEqual([1000, 2000, 4000, 8000]);
    expect(await delaysOf([trap.status(503)], { tries: 8 })).toEqual([
      500, 1000, 2000, 4000, 8000, 15_000, 15_000,
    ]);
  });

  it("is as long as the server asks for, in seconds or as a date, up to a bound", async () => {
    const delayFor = (value: string) =>
      delaysOf([trap.between(1, 2, trap.status(429, { "retry-after": value }))]);
    expect(await delayFor("7")).toEqual([7000]);
    expect(await delayFor("Tue, 01 Jan 2030 00:00:20 GMT")).toEqual([20_000]);
    expect(await delayFor("Mon, 31 Dec 2029 00:00:20 GMT")).toEqual([500]);
    expect(await delayFor("86400")).toEqual([60_000]);
    expect(await delayFor("soon")).toEqual([500]);
  });

  it("ends when the opening is cancelled", async () => {
    const server = await serve(trap.status(503));
    const clock = new ManualClock();
    const controller = new AbortController();
    const opening = openHttp(server.url, { time: clock, signal: controller.signal });
    await until(() => server.asked.length === 1 && server.open === 0);
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    controller.abort(new Error("enough"));
    await expect(opening).rejects.toThrow("enough");
    expect(clock.pending).toBe(0);
  });
});

describe("opening", () => {
  it("is cancelled while the server says nothing", async () => {
    const server = await serve(trap.silence);
    const { options, clock } = testOptions();
    const controller = new AbortController();
    const opening = openHttp(server.url, { ...options, signal: controller.signal });
    await until(() => server.asked.length === 1);
    controller.abort(new Error("enough"));
    await expect(opening).rejects.toThrow("enough");
    await until(() => server.open === 0);
    expect(clock.pending).toBe(0);
  });

  it("does not depend on a fetch that honours signals", async () => {
    const { options, clock } = testOptions({ fetch: () => new Promise(() => undefined), onEvent: undefined });
    const opening = openHttp("http://example.org/", options).catch((error: unknown) => error);
    await clock.advance(600_000);
    expect(await opening).toMatchObject({ code: "BACKEND_IO" });
  });

  it("tries no name again that does not exist, nor a certificate that is wrong", async () => {
    for (const code of ["ENOTFOUND", "CERT_HAS_EXPIRED", "DEPTH_ZERO_SELF_SIGNED_CERT"]) {
      let sent = 0;
      const fetch = async (): Promise<Response> => {
        sent += 1;
        throw new TypeError("fetch failed", { cause: Object.assign(new Error("no"), { code }) });
      };
      const { options } = testOptions({ fetch });
      await expect(openHttp("http://example.org/", options)).rejects.toMatchObject({
        code: "BACKEND_IO",
        message: new RegExp(code),
      });
      expect(sent).toBe(1);
    }
  });

  it("and closing a thousand times, some of it in the middle of a read, leaves no connection at the server", async () => {
    const server = await serve(({ response }) => {
      // Otherwise fetch keeps idle connections for later.
      response.setHeader("connection", "close");
      return false;
    });
    for (let round = 0; round < 1000; round += 50) {
      const opened = await Promise.all(Array.from({ length: 50 }, () => openForTest(server.url)));
      const reads = opened.map(({ backend }) => backend.read(100_000, new Uint8Array(1)));
      const outcomes = Promise.allSettled(reads);
      if (round % 100 === 0) await outcomes;
      await Promise.all(opened.map(({ backend }) => backend.close()));
    }
    await until(() => server.sockets.size === 0);
    expect(server.open).toBe(0);
  });
});
