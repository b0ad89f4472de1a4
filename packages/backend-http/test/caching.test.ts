import { HttpBudget, type HttpFetch } from "@qcow/backend-http";
import { afterEach, describe, expect, it } from "vitest";
import { ConformanceServer, type Trap } from "./conformance-server.js";
import { expectBytes, openForTest, readAt, sampleBytes } from "./open-for-test.js";

const KIB = 1024;
const MIB = 1024 * KIB;
const contents = sampleBytes(16 * MIB + 12_345);
const servers: ConformanceServer[] = [];

async function serve(...traps: Trap[]): Promise<ConformanceServer> {
  const server = await ConformanceServer.start(contents, ...traps);
  servers.push(server);
  return server;
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

describe("the first request", () => {
  it("serves all reads of what it brought", async () => {
    const server = await serve();
    const { backend } = await openForTest(server.url, { openBytes: 256 * KIB });
    for (const offset of [0, 1, 100_000, 256 * KIB - 100])
      expectBytes(await readAt(backend, offset, 100), contents.subarray(offset, offset + 100));
    expect(server.ranges).toEqual([`bytes=0-${256 * KIB - 1}`]);
    expect(backend.counters).toMatchObject({ reads: 4, cacheHits: 4, bytesAsked: 400, bytesFromCache: 400 });
    await backend.close();
  });
});

describe("contents", () => {
  it("are kept in blocks of 64 KiB, up to the bound, and the last block of the file is shorter", async () => {
    const server = await serve();
    const { backend } = await openForTest(server.url, { dataCacheBytes: 2 * 64 * KIB, readAheadBytesMax: 0 });
    // The last byte of a block arrives when all of it is here.
    const read = (block: number) => readAt(backend, (block + 1) * 64 * KIB - 1, 1);
    const readEnd = () => readAt(backend, contents.length - 10, 10);
    await read(16);
    expectBytes(await readAt(backend, MIB + 5, 60_000), contents.subarray(MIB + 5, MIB + 60_005));
    expect(server.ranges.slice(1)).toEqual([`bytes=${MIB}-${MIB + 64 * KIB - 1}`]);
    await read(32);
    await read(16);
    expectBytes(await readEnd(), contents.subarray(-10));
    expect(server.ranges.at(-1)).toBe(`bytes=${16 * MIB}-${contents.length - 1}`);
    expect(server.asked.length).toBe(4);
    // Block 32 was used the longest ago.
    await read(16);
    await readEnd();
    expect(server.asked.length).toBe(4);
    await read(32);
    expect(server.asked.length).toBe(5);
    await backend.close();
  });

  it("are not kept, nor rounded to blocks, when they are read in large pieces", async () => {
    const server = await serve();
    const { backend } = await openForTest(server.url);
    await readAt(backend, 2 * MIB, 64 * KIB);
    await readAt(backend, 5 * MIB + 7, 4 * MIB);
    await readAt(backend, 5 * MIB + 7, 4 * MIB);
    await readAt(backend, 2 * MIB, 64 * KIB);
    expect(server.ranges.slice(2)).toEqual(Array(2).fill(`bytes=${5 * MIB + 7}-${9 * MIB + 6}`));
    expect(backend.counters.cacheHits).toBe(1);
    await backend.close();
  });

  it("that are here already are not asked for again by a read that needs more", async () => {
    const server = await serve();
    const { backend } = await openForTest(server.url, { readAheadBytesMax: 0 });
    await readAt(backend, 1 * MIB, 128 * KIB);
    expectBytes(
      await readAt(backend, 1 * MIB - 64 * KIB, 512 * KIB),
      contents.subarray(1 * MIB - 64 * KIB, 1 * MIB + 448 * KIB),
    );
    expect(server.ranges.slice(2).sort()).toEqual([
      `bytes=${MIB + 128 * KIB}-${MIB + 448 * KIB - 1}`,
      `bytes=${MIB - 64 * KIB}-${MIB - 1}`,
    ]);
    await backend.close();
  });
});

describe("metadata", () => {
  it("is kept apart, in blocks of 4 KiB, and nothing is read ahead of it", async () => {
    const server = await serve();
    const { backend } = await openForTest(server.url, { dataCacheBytes: 0 });
    const read = (offset: number) => backend.read(offset, new Uint8Array(512), { purpose: "metadata" });
    for (let offset = MIB; offset < MIB + 16 * KIB; offset += 512) await read(offset);
    expect(server.ranges.slice(1)).toEqual(
      [0, 1, 2, 3].map((n) => `bytes=${MIB + n * 4 * KIB}-${MIB + (n + 1) * 4 * KIB - 1}`),
    );
    await readAt(backend, 3 * MIB, 512);
    await read(MIB + 1000);
    expect(server.asked.length).toBe(1 + 4 + 1);
    await backend.close();
  });
});

describe("who reads in a row", () => {
  it("is read ahead of: few requests, and no byte twice", async () => {
    const server = await serve();
    const { backend } = await openForTest(server.url);
    for (let offset = 0; offset < contents.length; offset += 64 * KIB) {
      const length = Math.min(64 * KIB, contents.length - offset);
      expectBytes(await readAt(backend, offset, length), contents.subarray(offset, offset + length));
    }
    // 257 blocks.
    expect(server.asked.length).toBeLessThan(20);
    expect(backend.counters.bytesReceived).toBeLessThan(contents.length + 64 * KIB);
    await backend.close();
  });

  it("is known in several rows at once", async () => {
    const server = await serve();
    const { backend } = await openForTest(server.url);
    for (let step = 0; step < 4 * MIB; step += 64 * KIB)
      for (const start of [0, 4 * MIB, 8 * MIB]) await readAt(backend, start + step, 64 * KIB);
    expect(server.asked.length).toBeLessThan(45);
    await backend.close();
  });

  it("makes no more over-read than it has read, when it stops", async () => {
    for (const reads of [1, 2, 3, 10, 30]) {
      const server = await serve();
      const { backend } = await openForTest(server.url);
      for (let index = 0; index < reads; index += 1)
        await readAt(backend, 2 * MIB + index * 64 * KIB, 64 * KIB);
      await backend.close();
      expect(backend.counters.bytesReceived).toBeLessThanOrEqual(4096 + 2 * reads * 64 * KIB);
    }
  });

  it("in large pieces gets nothing but those", async () => {
    const server = await serve();
    const { backend } = await openForTest(server.url);
    for (let offset = 0; offset < 16 * MIB; offset += 2 * MIB) await readAt(backend, offset + 4096, 2 * MIB);
    expect(backend.counters.bytesReceived).toBe(4096 + 16 * MIB);
    expect(server.asked.length).toBe(1 + 8);
    await backend.close();
  });

  it("does not exist among reads at random", async () => {
    const server = await serve();
    const { backend } = await openForTest(server.url);
    for (const block of [100, 3, 77, 20, 150, 9, 200, 50]) await readAt(backend, block * 64 * KIB, 64 * KIB);
    expect(backend.counters.bytesReceived).toBe(4096 + 8 * 64 * KIB);
    await backend.close();
  });
});

describe("a file of many terabytes", () => {
  it("is read at any offset", async () => {
    const size = 2 ** 45 + 12_345;
    const byteAt = (offset: number) => (Math.floor(offset / 65_536) + offset) % 251;
    const fetch: HttpFetch = async (_url, request) => {
      const [, start = "", last = ""] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
      const bytes = new Uint8Array(Number(last) + 1 - Number(start)).map((_, at) =>
        byteAt(Number(start) + at),
      );
      const headers = { "content-range": `bytes ${start}-${last}/${size}`, etag: '"1"' };
      return new Response(bytes, { status: 206, headers });
    };
    const { backend } = await openForTest("http://example.org/disk", { fetch });
    for (const offset of [2 ** 32 - 100, 2 ** 32, 2 ** 44 + 1, 2 ** 45 - 5, size - 1000]) {
      const expected = new Uint8Array(1000).map((_, at) => byteAt(offset + at));
      expectBytes(await readAt(backend, offset, 1000), expected);
    }
    await backend.close();
  });
});

describe("the budget", () => {
  it("of requests refuses the next one before it is sent", async () => {
    const server = await serve();
    const { backend } = await openForTest(server.url, { budget: new HttpBudget({ maxRequests: 2 }) });
    await readAt(backend, MIB, MIB);
    await expect(readAt(backend, 3 * MIB, MIB)).rejects.toMatchObject({ code: "HTTP_BUDGET" });
    await readAt(backend, 0, 4096);
    expect(server.asked.length).toBe(2);
    await backend.close();
  });

  it("of bytes counts what is under way, and what is here already costs nothing", async () => {
    const server = await serve();
    const { backend } = await openForTest(server.url, {
      budget: new HttpBudget({ maxBytes: 3 * MIB }),
      gapBytes: 0,
    });
    const reads = await Promise.allSettled([2, 4, 6, 8].map((n) => readAt(backend, n * MIB, MIB)));
    expect(reads.map(({ status }) => status).sort()).toEqual([
      "fulfilled",
      "fulfilled",
      "rejected",
      "rejected",
    ]);
    expect(server.asked.length).toBe(3);
    expect(backend.counters.bytesReceived).toBeLessThanOrEqual(3 * MIB);
    await readAt(backend, 0, 4096);
    await backend.close();
  });

  it("is one for all files that are opened with it", async () => {
    const server = await serve();
    const budget = new HttpBudget({ maxRequests: 3 });
    const { backend: first } = await openForTest(server.url, { budget });
    await openForTest(server.url, { budget });
    await readAt(first, 2 * MIB, 10);
    await expect(openForTest(server.url, { budget })).rejects.toMatchObject({ code: "HTTP_BUDGET" });
    await expect(readAt(first, 4 * MIB, 10)).rejects.toMatchObject({ code: "HTTP_BUDGET" });
    expect(server.asked.length).toBe(3);
  });

  it("refuses the opening too", async () => {
    const server = await serve();
    for (const limits of [{ maxRequests: 0 }, { maxBytes: 4095 }])
      await expect(openForTest(server.url, { budget: new HttpBudget(limits) })).rejects.toMatchObject({
        code: "HTTP_BUDGET",
      });
    expect(server.asked.length).toBe(0);
  });

  it("is no reason to fail for what is only fetched ahead", async () => {
    const server = await serve();
    const { backend } = await openForTest(server.url, {
      budget: new HttpBudget({ maxBytes: 4096 + 10 * 64 * KIB }),
    });
    for (let index = 0; index < 10; index += 1) await readAt(backend, MIB + index * 64 * KIB, 64 * KIB);
    await backend.close();
  });
});
