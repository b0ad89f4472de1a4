import { openHttp } from "@qcow/backend-http";
import { afterEach, describe, expect, it } from "vitest";
import { ConformanceServer, type Trap } from "./conformance-server.js";
import { expectBytes, openForTest, readAt, sampleBytes, testOptions } from "./open-for-test.js";
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

const DATE = "Tue, 01 Jan 2030 00:00:00 GMT";

describe("the version of the file", () => {
  it("is a condition of every later request, but not in a browser, which would ask for leave first", async () => {
    for (const [environment, condition] of [
      ["node", '"one"'],
      ["browser", undefined],
    ] as const) {
      const server = await serve();
      const { backend } = await openForTest(server.url, { environment });
      await readAt(backend, 100_000, 10);
      expect(server.asked.map(({ headers }) => headers["if-match"])).toEqual([undefined, condition]);
      await backend.close();
    }
  });

  it("is compared in a browser, and one answer that differs is asked for past its cache", async () => {
    const server = await serve(trap.replacedBefore(2, '"two"'));
    const { options } = testOptions({ environment: "browser" });
    const backend = await openHttp(server.url, options);
    await expect(readAt(backend, 100_000, 10)).rejects.toMatchObject({ code: "HTTP_IMAGE_CHANGED" });
    expect(server.asked.length).toBe(3);
    await backend.close();
  });

  it.each([
    ["its strong ETag", '"one"', undefined, "etag"],
    ["the time of its last change when the ETag is weak", 'W/"one"', DATE, "last-modified"],
    ["the time of its last change", undefined, DATE, "last-modified"],
    ["only its size", undefined, undefined, "size"],
  ])("is %s", async (_title, etag, lastModified, versioning) => {
    const server = await serve();
    Object.assign(server, { etag, lastModified });
    const { backend } = await openForTest(server.url);
    expect(backend.versioning).toBe(versioning);
    expect(backend.identity === undefined).toBe(versioning === "size");
    await readAt(backend, 100_000, 10);
    expect(server.asked[1]?.headers["if-match"]).toBe(versioning === "etag" ? etag : undefined);
    await backend.close();
  });

  it("changes with its last change when there is no ETag", async () => {
    const server = await serve(trap.replacedBefore(2, undefined, "Tue, 01 Jan 2030 00:00:01 GMT"));
    Object.assign(server, { etag: undefined, lastModified: DATE });
    const { backend } = await openForTest(server.url);
    await expect(readAt(backend, 100_000, 10)).rejects.toMatchObject({ code: "HTTP_IMAGE_CHANGED" });
    await backend.close();
  });

  it("that changed ends everything: what was read before is not served either, and nothing more is asked", async () => {
    const server = await serve(trap.replacedBefore(3, '"two"'));
    const { backend } = await openForTest(server.url, { gapBytes: 0, readAheadBytesMax: 0 });
    await readAt(backend, 100_000, 10);
    const reads = [readAt(backend, 200_000, 10), readAt(backend, 299_000, 10)];
    for (const read of reads) await expect(read).rejects.toMatchObject({ code: "HTTP_IMAGE_CHANGED" });
    const asked = server.asked.length;
    for (const offset of [0, 100_000, 200_000])
      await expect(readAt(backend, offset, 10)).rejects.toMatchObject({ code: "HTTP_IMAGE_CHANGED" });
    expect(server.asked.length).toBe(asked);
    await backend.close();
  });

  it("may change if the caller says so", async () => {
    const server = await serve(trap.replacedBefore(2, '"two"'));
    const { backend } = await openForTest(server.url, { allowChanging: true, dataCacheBytes: 0 });
    expectBytes(await readAt(backend, 100_000, 10), server.contents.subarray(100_000, 100_010));
    server.contents = sampleBytes(400_000);
    expectBytes(await readAt(backend, 299_000, 10), server.contents.subarray(299_000, 299_010));
    expect(await backend.size()).toBe(300_000);
    server.contents = server.contents.subarray(0, 250_000);
    await expect(readAt(backend, 200_000, 10)).rejects.toMatchObject({ code: "HTTP_IMAGE_CHANGED" });
    await backend.close();
  });
});

describe("a small file", () => {
  it("may come as a whole", async () => {
    for (const whole of [trap.wholeFile, trap.wholeFileOfUnknownLength]) {
      const server = await serve(whole);
      server.contents = contents.subarray(0, 4096);
      const { backend } = await openForTest(server.url);
      expect(await backend.size()).toBe(4096);
      expectBytes(await readAt(backend, 0, 4096), server.contents);
      expect(server.asked.length).toBe(1);
      await backend.close();
    }
  });

  it("is asked for again by servers that refuse ranges behind its end", async () => {
    const server = await serve(trap.strictRanges);
    server.contents = contents.subarray(0, 1000);
    const { backend } = await openForTest(server.url);
    expectBytes(await readAt(backend, 0, 1000), server.contents);
    expect(server.ranges).toEqual(["bytes=0-4095", "bytes=0-999"]);
    await backend.close();
  });

  it("may be empty, for servers that answer 416 and for those that answer 200", async () => {
    for (const traps of [[], [trap.wholeFile]]) {
      const server = await serve(...traps);
      server.contents = new Uint8Array(0);
      const { backend } = await openForTest(server.url);
      expect(await backend.size()).toBe(0);
      await backend.close();
    }
  });
});
