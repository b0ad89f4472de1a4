import { HttpBudget, openHttp } from "@qcow/backend-http";
import { MemoryBackend } from "@qcow/backend-memory";
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

/** A spill, how often it was opened, and with which sizes. */
function spills(): {
  spill: (size: number | undefined) => Promise<MemoryBackend>;
  opened: MemoryBackend[];
  sizes: unknown[];
} {
  const opened: MemoryBackend[] = [];
  const sizes: unknown[] = [];
  const spill = async (size: number | undefined) => {
    const backend = new MemoryBackend();
    opened.push(backend);
    sizes.push(size);
    return backend;
  };
  return { spill, opened, sizes };
}

const isClosed = (backend: MemoryBackend) =>
  backend.size().then(
    () => false,
    () => true,
  );

describe("a server without ranges, when the whole file is wanted", () => {
  it.each([
    ["of a length that it tells", trap.wholeFile, 300_000],
    ["of an unknown length", trap.wholeFileOfUnknownLength, undefined],
  ])(
    "gives the whole file, %s, once, and the spill is closed with the backend",
    async (_title, whole, size) => {
      const server = await serve(whole);
      const { spill, opened, sizes } = spills();
      const { backend } = await openForTest(server.url, { spill });
      expect(await backend.size()).toBe(300_000);
      expectBytes(await readAt(backend, 12_345, 200_000), contents.subarray(12_345, 212_345));
      await expect(readAt(backend, 300_000, 1)).rejects.toMatchObject({ code: "BACKEND_SHORT_READ" });
      expect(server.ranges).toEqual(["bytes=0-4095", undefined]);
      expect(sizes).toEqual([size]);
      await backend.close();
      expect(await isClosed(opened[0] as MemoryBackend)).toBe(true);
    },
  );

  it("is asked from the start again when the download breaks", async () => {
    const half: Trap = ({ server, response }) => {
      response.writeHead(200, { ...server.headers(), "content-length": "300000" });
      response.write(server.contents.subarray(0, 150_000), () => response.destroy());
      return true;
    };
    const server = await serve(trap.between(2, 4, half), trap.wholeFile);
    const { spill, opened } = spills();
    const { backend } = await openForTest(server.url, { spill });
    expectBytes(await readAt(backend, 0, 300_000), contents);
    expect(server.asked.length).toBe(4);
    expect(opened.length).toBe(1);
    await backend.close();
  });

  it("may take its time to write: that is not the server's silence", async () => {
    const server = await serve(trap.wholeFile);
    const spill = new MemoryBackend();
    let go: (() => void) | undefined;
    const slow = Object.assign(Object.create(spill) as MemoryBackend, {
      read: spill.read.bind(spill),
      close: spill.close.bind(spill),
      write: async (offset: number, bytes: Uint8Array) => {
        if (offset === 0)
          await new Promise<void>((resolve) => {
            go = resolve;
          });
        await spill.write(offset, bytes);
      },
    });
    const { options, clock } = testOptions({ spill: async () => slow });
    const opening = openHttp(server.url, options);
    await until(() => go !== undefined);
    await clock.advance(3_600_000);
    go?.();
    const backend = await opening;
    expectBytes(await readAt(backend, 0, 300_000), contents);
    expect(backend.counters.retries).toBe(0);
    await backend.close();
  });

  it("closes the spill when the download fails for good", async () => {
    const server = await serve(trap.between(1, 2, trap.wholeFile), trap.status(503));
    const broken = await serve(trap.between(1, 2, trap.wholeFile), ({ server: { headers }, response }) => {
      response.writeHead(200, { ...headers, "content-length": "300000" });
      response.write("x", () => response.destroy());
      return true;
    });
    for (const { url } of [server, broken]) {
      const { spill, opened } = spills();
      const { options } = testOptions({ spill });
      await expect(openHttp(url, options)).rejects.toMatchObject({ code: "BACKEND_IO" });
      for (const one of opened) expect(await isClosed(one)).toBe(true);
    }
  });

  it.each([trap.wholeFile, trap.wholeFileOfUnknownLength])("keeps to the budget of bytes", async (whole) => {
    const server = await serve(whole);
    const { spill, opened } = spills();
    const { options } = testOptions({ spill, budget: new HttpBudget({ maxBytes: 200_000 }) });
    await expect(openHttp(server.url, options)).rejects.toMatchObject({ code: "HTTP_BUDGET" });
    for (const one of opened) expect(await isClosed(one)).toBe(true);
  });

  it("asks for no spill where ranges do work", async () => {
    const server = await serve();
    const { spill, opened } = spills();
    const { backend } = await openForTest(server.url, { spill });
    await readAt(backend, 100_000, 10);
    expect(opened.length).toBe(0);
    await backend.close();
  });
});
