import { afterEach, describe, expect, it, vi } from "vitest";
import { ConformanceServer, type Trap } from "./conformance-server.js";
import { expectBytes, openForTest, readAt, sampleBytes, until } from "./open-for-test.js";
import * as trap from "./traps.js";

const KIB = 1024;
const MIB = 1024 * KIB;
const contents = sampleBytes(24 * MIB);
const servers: ConformanceServer[] = [];
/** Reads so large that they are neither rounded nor kept. */
const LARGE = MIB;

async function serve(...traps: Trap[]): Promise<ConformanceServer> {
  const server = await ConformanceServer.start(contents, ...traps);
  servers.push(server);
  return server;
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

/** Lets answers wait until it is called. */
function gate(): { trap: Trap; open: () => void; waiting: () => number } {
  const held: (() => void)[] = [];
  let isOpen = false;
  return {
    trap: (exchange) => {
      if (isOpen || exchange.number === 1) return false;
      held.push(() => exchange.server.answer(exchange));
      return true;
    },
    open: () => {
      isOpen = true;
      for (const answer of held.splice(0)) answer();
    },
    waiting: () => held.length,
  };
}

describe("reads of the same moment", () => {
  it("are one request while the gap is small, and several where it is not", async () => {
    const server = await serve();
    const { backend } = await openForTest(server.url);
    const offsets = [1 * MIB, 2 * MIB + 64 * KIB, 3 * MIB + 64 * KIB, 5 * MIB];
    const reads = await Promise.all(offsets.map((offset) => readAt(backend, offset, LARGE)));
    reads.forEach((bytes, i) => {
      expectBytes(bytes, contents.subarray(offsets[i] ?? 0, (offsets[i] ?? 0) + LARGE));
    });
    expect(server.ranges.slice(1).sort()).toEqual([
      `bytes=${1 * MIB}-${4 * MIB + 64 * KIB - 1}`,
      `bytes=${5 * MIB}-${6 * MIB - 1}`,
    ]);
    await backend.close();
  });

  it("are several requests where one would be longer than the most that one may ask for", async () => {
    const server = await serve();
    const { backend } = await openForTest(server.url, { requestBytesMax: 2 * MIB });
    expectBytes(await readAt(backend, MIB, 20 * MIB), contents.subarray(MIB, 21 * MIB));
    expect(server.asked.length).toBe(1 + 10);
    await backend.close();
  });

  it("of the same bytes are one request, and each gets all of them", async () => {
    const server = await serve();
    const { backend } = await openForTest(server.url);
    const reads = await Promise.all(
      Array.from({ length: 20 }, (_, i) => readAt(backend, 2 * MIB + i, 3 * MIB)),
    );
    reads.forEach((bytes, i) => {
      expectBytes(bytes, contents.subarray(2 * MIB + i, 5 * MIB + i));
    });
    expect(server.ranges.slice(1)).toEqual([`bytes=${2 * MIB}-${5 * MIB + 18}`]);
    await backend.close();
  });

  it("are at most so many requests at once", async () => {
    const held = gate();
    const server = await serve(held.trap);
    const { backend } = await openForTest(server.url, { parallel: 3 });
    const reads = Array.from({ length: 8 }, (_, i) => readAt(backend, (1 + 2 * i) * MIB, LARGE));
    await until(() => held.waiting() === 3);
    for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(server.asked.length).toBe(1 + 3);
    held.open();
    await Promise.all(reads);
    expect(server.openMax).toBe(3);
    expect(server.asked.length).toBe(1 + 8);
    await backend.close();
  });
});

describe("a read that lies in what is on its way", () => {
  it("waits for that, also in part", async () => {
    const held = gate();
    const server = await serve(held.trap);
    const { backend } = await openForTest(server.url);
    const first = readAt(backend, 2 * MIB, 4 * MIB);
    await until(() => held.waiting() === 1);
    const inside = readAt(backend, 3 * MIB + 5, LARGE);
    const across = readAt(backend, 5 * MIB + 5, LARGE);
    await until(() => held.waiting() === 2);
    held.open();
    expectBytes(await first, contents.subarray(2 * MIB, 6 * MIB));
    expectBytes(await inside, contents.subarray(3 * MIB + 5, 4 * MIB + 5));
    expectBytes(await across, contents.subarray(5 * MIB + 5, 6 * MIB + 5));
    expect(server.ranges.slice(1)).toEqual([
      `bytes=${2 * MIB}-${6 * MIB - 1}`,
      `bytes=${6 * MIB}-${6 * MIB + 4}`,
    ]);
    await backend.close();
  });

  it("goes on when the one that it shares it with is cancelled", async () => {
    const held = gate();
    const server = await serve(held.trap);
    const { backend } = await openForTest(server.url);
    const controller = new AbortController();
    const target = new Uint8Array(2 * MIB);
    const first = backend.read(2 * MIB, target, { signal: controller.signal });
    const second = readAt(backend, 3 * MIB, LARGE);
    await until(() => held.waiting() === 1);
    controller.abort(new Error("enough"));
    await expect(first).rejects.toThrow("enough");
    held.open();
    expectBytes(await second, contents.subarray(3 * MIB, 4 * MIB));
    expect(target.every((byte) => byte === 0)).toBe(true);
    expect(server.asked.length).toBe(2);
    await backend.close();
  });
});

describe("many reads with one signal", () => {
  it("put one listener on it, and are cancelled by it together", async () => {
    const server = await serve(trap.between(2, 99, trap.silence));
    const { backend } = await openForTest(server.url);
    const controller = new AbortController();
    const { signal } = controller;
    const added = vi.spyOn(signal, "addEventListener");
    const removed = vi.spyOn(signal, "removeEventListener");
    const reads = Array.from({ length: 40 }, (_, i) =>
      backend.read(i * 500_000 + 5000, new Uint8Array(9), { signal }),
    );
    expect(added).toHaveBeenCalledTimes(1);
    controller.abort(new Error("enough"));
    for (const read of reads) await expect(read).rejects.toThrow("enough");
    expect(removed).toHaveBeenCalledTimes(1);
    await backend.close();
  });
});

describe("a request that nobody waits for any more", () => {
  it("is ended at the server, also when its body is under way", async () => {
    for (const stall of [trap.silence, trap.stallAfter(100_000)]) {
      const server = await serve(trap.between(2, 3, stall));
      const { backend } = await openForTest(server.url);
      const controllers = [new AbortController(), new AbortController()];
      const reads = controllers.map(({ signal }) => backend.read(2 * MIB, new Uint8Array(LARGE), { signal }));
      await until(() => server.asked.length === 2 && server.open === 1);
      for (const controller of controllers) controller.abort(new Error("enough"));
      for (const read of reads) await expect(read).rejects.toThrow("enough");
      await until(() => server.open === 0);
      expectBytes(await readAt(backend, 2 * MIB, LARGE), contents.subarray(2 * MIB, 3 * MIB));
      await backend.close();
    }
  });

  it("is not sent if it was not yet", async () => {
    const server = await serve();
    const { backend } = await openForTest(server.url);
    const controller = new AbortController();
    const read = backend.read(2 * MIB, new Uint8Array(LARGE), { signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(read).rejects.toThrow("enough");
    await readAt(backend, 9 * MIB, LARGE);
    expect(server.asked.length).toBe(2);
    await backend.close();
  });

  it("ends when the backend is closed, and the reads with it", async () => {
    const server = await serve(trap.between(2, 9, trap.stallAfter(100_000)));
    const { backend, clock } = await openForTest(server.url);
    const reads = [2, 4, 6, 8, 10, 12, 14, 16, 18, 20].map((n) => readAt(backend, n * MIB, LARGE));
    const outcomes = Promise.allSettled(reads);
    await until(() => server.open === 7);
    await backend.close();
    for (const outcome of await outcomes)
      expect(outcome).toMatchObject({ reason: { code: "BACKEND_CLOSED" } });
    await until(() => server.open === 0);
    expect(clock.pending).toBe(0);
  });
});
