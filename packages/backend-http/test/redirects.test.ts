import { inspect } from "node:util";
import { openHttp } from "@qcow/backend-http";
import { afterEach, describe, expect, it } from "vitest";
import { ConformanceServer, type Trap } from "./conformance-server.js";
import { expectBytes, openForTest, readAt, sampleBytes, testOptions, until } from "./open-for-test.js";
import * as trap from "./traps.js";

const contents = sampleBytes(2_000_000);
/** In blocks that are far from each other, so that each takes a request. */
const APART = [300_000, 700_000, 1_100_000, 1_999_999];
const servers: ConformanceServer[] = [];

async function serve(...traps: Trap[]): Promise<ConformanceServer> {
  const server = await ConformanceServer.start(contents, ...traps);
  servers.push(server);
  return server;
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

/** Single bytes from different blocks, one after the other. */
async function readSome(backend: { read(offset: number, target: Uint8Array): Promise<void> }): Promise<void> {
  for (const offset of APART) {
    const target = new Uint8Array(1);
    await backend.read(offset, target);
    expect(target[0]).toBe(contents[offset]);
  }
}

describe("a redirect", () => {
  it.each([301, 302, 303, 307, 308])("with %i is followed once for the whole session", async (code) => {
    const server = await serve(trap.redirect("/disk.qcow2", () => "/elsewhere/disk.qcow2", code));
    const { backend } = await openForTest(server.url, { readAheadBytesMax: 0 });
    await readSome(backend);
    expect(server.asked.map(({ path }) => path)).toEqual([
      "/disk.qcow2",
      ...Array(5).fill("/elsewhere/disk.qcow2"),
    ]);
    expect(backend.url).toBe(`${server.origin}/elsewhere/disk.qcow2`);
    expect(backend.label).toBe(server.url);
    expect(backend.counters.redirects).toBe(1);
    await backend.close();
  });

  it.each([401, 403, 404, 410, 500])("is looked for again when its target answers %i", async (code) => {
    const server = await serve(trap.signedAddresses(2, code));
    const { backend } = await openForTest(server.url, { readAheadBytesMax: 0 });
    await readSome(backend);
    // Two requests for each signed address; the one that it refuses, and the redirect to the next.
    expect(server.asked.length).toBe(5 + 2 + 3);
    expect(backend.counters).toMatchObject({ redirects: 3, retries: 0 });
    await backend.close();
  });

  it("is looked for once by many requests that fail together", async () => {
    const server = await serve(trap.signedAddresses(5));
    const { backend } = await openForTest(server.url, { dataCacheBytes: 0 });
    for (let round = 0; round < 2; round += 1)
      await Promise.all(APART.map((offset) => backend.read(offset, new Uint8Array(1))));
    expect(server.asked.filter(({ path }) => path === "/disk.qcow2").length).toBe(2);
    expect(server.asked.length).toBe(2 + 4 + 4 + 4 + 1);
    await backend.close();
  });

  it("in circles is an error after six requests", async () => {
    const server = await serve(trap.redirect("/disk.qcow2", () => "/disk.qcow2"));
    const { options } = testOptions();
    await expect(openHttp(server.url, options)).rejects.toMatchObject({ code: "HTTP_BAD_REDIRECT" });
    expect(server.asked.length).toBe(6);
  });

  it.each(["ftp://127.0.0.1/disk", "file:///etc/passwd", "http://[", "data:text/plain,x"])(
    "to %s is an error",
    async (target) => {
      const server = await serve(trap.redirect("/disk.qcow2", () => target));
      const { options } = testOptions();
      await expect(openHttp(server.url, options)).rejects.toMatchObject({ code: "HTTP_BAD_REDIRECT" });
    },
  );

  it("without a target is an error", async () => {
    const server = await serve(trap.status(302));
    const { options } = testOptions();
    await expect(openHttp(server.url, options)).rejects.toMatchObject({ code: "BACKEND_IO" });
  });

  it("from https to http is an error, and nothing is sent there", async () => {
    const sent: string[] = [];
    const fetch = async (url: string) => {
      sent.push(url);
      return new Response(null, { status: 302, headers: { location: "http://example.org/disk" } });
    };
    const { options } = testOptions({ fetch });
    await expect(openHttp("https://example.org/disk", options)).rejects.toMatchObject({
      code: "HTTP_BAD_REDIRECT",
    });
    expect(sent).toEqual(["https://example.org/disk"]);
  });

  it("to another origin takes no headers along, neither the caller's nor those of the address", async () => {
    const other = await serve();
    const server = await serve(trap.redirect("/disk.qcow2", () => other.url));
    const { backend } = await openForTest(server.url.replace("//", "//user:word@"), {
      headers: () => ({ "x-api-key": "secret", cookie: "secret" }),
    });
    await readSome(backend);
    expect(server.asked[0]?.headers).toMatchObject({
      "x-api-key": "secret",
      cookie: "secret",
      authorization: "Basic dXNlcjp3b3Jk",
    });
    expect(other.asked.length).toBeGreaterThan(1);
    for (const { headers } of other.asked) {
      expect(headers).not.toHaveProperty("x-api-key");
      expect(headers).not.toHaveProperty("cookie");
      expect(headers).not.toHaveProperty("authorization");
    }
    await backend.close();
  });

  it("is left to a browser, which tells where it ended", async () => {
    const server = await serve(trap.redirect("/disk.qcow2", () => "/elsewhere"));
    const { backend } = await openForTest(server.url, { environment: "browser", readAheadBytesMax: 0 });
    await readSome(backend);
    expect(server.asked.map(({ path }) => path)).toEqual(["/disk.qcow2", ...Array(5).fill("/elsewhere")]);
    expect(backend.url).toBe(`${server.origin}/elsewhere`);
    await backend.close();
  });

  it("that the host hides is an error that says what to do", async () => {
    const hidden = Object.defineProperty(new Response(null), "type", { value: "opaqueredirect" });
    const { options } = testOptions({ fetch: async () => hidden });
    const opening = openHttp("http://example.org/", options);
    await expect(opening).rejects.toMatchObject({ code: "HTTP_BAD_REDIRECT", message: /browser/ });
  });
});

describe("headers of the caller", () => {
  it("are asked for once, and go with every request", async () => {
    const server = await serve(trap.lockedWith("Bearer 1"));
    const asked: string[] = [];
    const headers = (why: string) => {
      asked.push(why);
      return { authorization: `Bearer ${asked.length}` };
    };
    const { backend } = await openForTest(server.url, { headers });
    await readSome(backend);
    expect(asked).toEqual(["first"]);
    await backend.close();
  });

  it.each([401, 403])(
    "are renewed once when the server answers %i, by all who fail together",
    async (code) => {
      let allowed = "Bearer 1";
      const server = await serve((exchange) => trap.lockedWith(allowed, code)(exchange));
      let asked = 0;
      const headers = async () => {
        asked += 1;
        return new Headers({ authorization: `Bearer ${asked}` });
      };
      const { backend } = await openForTest(server.url, { headers });
      allowed = "Bearer 2";
      await Promise.all(APART.map((offset) => backend.read(offset, new Uint8Array(1))));
      expect(asked).toBe(2);
      expect(backend.counters.renewals).toBe(1);
      expect(server.asked.length).toBe(1 + 4 + 4);
      await backend.close();
    },
  );

  it("that are no headers are an error without their values", async () => {
    const { options } = testOptions({ headers: () => ({ authorization: "Bearer hush\n" + "x" }) });
    const error = await openHttp("http://example.org/", options).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "BACKEND_PERMISSION" });
    expect(inspect(error, { depth: 9 })).not.toContain("hush");
  });

  it("may take their time: that is not the server's silence", async () => {
    const server = await serve();
    let give: ((headers: Record<string, string>) => void) | undefined;
    const headers = () =>
      new Promise<Record<string, string>>((resolve) => {
        give = resolve;
      });
    const { options, clock } = testOptions({ headers });
    const opening = openHttp(server.url, options);
    await until(() => give !== undefined);
    await clock.advance(3_600_000);
    give?.({ "x-code": "1234" });
    const backend = await opening;
    expect(backend.counters.retries).toBe(0);
    await backend.close();
  });

  it("that stay wrong are an error after one renewal", async () => {
    const server = await serve(trap.lockedWith("never"));
    const { options } = testOptions({ headers: () => [["authorization", "wrong"]] });
    await expect(openHttp(server.url, options)).rejects.toMatchObject({ code: "BACKEND_PERMISSION" });
    expect(server.asked.length).toBe(2);
  });

  it("that cannot be had are an error that keeps what it was told to itself", async () => {
    const { options } = testOptions({
      headers: () => {
        throw new Error("cannot reach https://user:word@vault.example/?token=secret now");
      },
    });
    const error = await openHttp("http://example.org/", options).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: "BACKEND_PERMISSION",
      cause: { message: "cannot reach https://vault.example/?… now" },
    });
  });

  it("do not replace those that reading needs", async () => {
    const server = await serve();
    const { backend } = await openForTest(server.url, {
      headers: () => ({ range: "bytes=7-8", "Accept-Encoding": "gzip" }),
    });
    expect(server.asked[0]?.headers).toMatchObject({ range: "bytes=0-4095", "accept-encoding": "identity" });
    expectBytes(await readAt(backend, 5000, 10), contents.subarray(5000, 5010));
    await backend.close();
  });
});
