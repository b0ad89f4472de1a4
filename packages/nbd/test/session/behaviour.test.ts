// How a connection behaves when many things happen at once, when something fails, and when it ends.

import { ManualClock } from "@qcow/backend-memory";
import { BackendError } from "@qcow/block";
import { EngineError } from "@qcow/engine";
import { describe, expect, it } from "vitest";
import { Command, CommandFlag, ErrorNumber } from "../../src/protocol/index.js";
import { connected, served, serverOf } from "../served.js";
import { type Gate, testExport } from "../test-export.js";

/** Lets everything that can happen without new input happen. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Operations wait until they are let go. */
function held(): Gate & { release: () => void; waiting: number } {
  let waiting: (() => void)[] = [];
  return {
    before: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
      }),
    get waiting() {
      return waiting.length;
    },
    release() {
      const all = waiting;
      waiting = [];
      for (const resolve of all) resolve();
    },
  };
}

describe("requests", () => {
  it("run at once and are answered as they are done", async () => {
    const gate: Gate & { slow?: () => void } = {};
    gate.before = (_operation, offset) =>
      offset === 0
        ? new Promise((resolve) => {
            gate.slow = resolve;
          })
        : undefined;
    const { client } = await served(testExport(gate), {});
    const slow = await client.send(Command.read, 0, 512);
    const quick = await client.send(Command.read, 512, 512);
    expect((await client.reply()).cookie).toBe(quick);
    gate.slow?.();
    expect((await client.reply()).cookie).toBe(slow);
  });

  it("have a signal each, however many are under way", async () => {
    const signals = new Set<AbortSignal | undefined>();
    const gate = held();
    const disk = testExport(gate);
    const { read } = disk;
    disk.read = (offset, target, options) => {
      signals.add(options.signal);
      return read(offset, target, options);
    };
    const { client, stream } = await served(disk, {});
    for (let round = 0; round < 2; round++) {
      for (let count = 0; count < 20; count++) await client.send(Command.read, count * 512, 512);
      await settled();
      expect(signals.size).toBe(20);
      if (round > 0) break;
      gate.release();
      for (let count = 0; count < 20; count++) await client.reply();
    }
    stream.destroy();
    await settled();
    expect([...signals].every((signal) => signal?.aborted)).toBe(true);
    gate.release();
  });

  it("with FUA are flushed before they are answered, and others are not", async () => {
    const disk = testExport();
    const { client } = await served(disk, { style: "extended" });
    const flags = CommandFlag.fua;
    const write = { flags: flags | CommandFlag.payloadLength, payload: new Uint8Array(512) };
    await client.request(Command.write, 0, 512, write);
    await client.request(Command.writeZeroes, 0, 512, { flags: flags | CommandFlag.noHole });
    await client.request(Command.trim, 0, 512, { flags });
    await client.request(Command.read, 0, 512, { flags });
    await client.request(Command.trim, 0, 512);
    expect(disk.log).toEqual([
      "write",
      "flush",
      "zeroes without hole",
      "flush",
      "trim",
      "flush",
      "read",
      "trim",
    ]);
  });

  it("for block status by payload get the contexts they name", async () => {
    const contexts = ["base:allocation", "x-test:odd"];
    const { client } = await served(testExport(), { style: "extended", contexts });
    const ask = (...words: number[]) => {
      const payload = new Uint8Array(words.length * 4);
      for (const [index, word] of words.entries()) new DataView(payload.buffer).setUint32(index * 4, word);
      return client.request(Command.blockStatus, 4096, payload.length, {
        flags: CommandFlag.payloadLength,
        payload,
      });
    };
    expect((await ask(0, 4096, 1)).chunks).toEqual([
      { kind: "status", contextId: 1, extents: [{ length: 4096n, flags: 1n }] },
    ]);
    expect((await ask(0, 4096, 1, 0)).chunks).toHaveLength(2);
    for (const words of [[0, 4096], [0, 4096, 7], [0, 4096, 1, 1], [0, 0, 1], [1, 0, 1], [4096], []]) {
      expect((await ask(...words)).error).toBe(ErrorNumber.EINVAL);
    }
  });
});

describe("failures of the export", () => {
  it.each([
    [new Error("anything"), ErrorNumber.EIO],
    [new BackendError("BACKEND_IO", "full", { cause: Object.assign(new Error(), { code: "ENOSPC" }) }), 28],
    [new BackendError("BACKEND_READ_ONLY", "no"), ErrorNumber.EPERM],
    [new EngineError("QCOW2_IMAGE_TOO_LARGE", "no"), ErrorNumber.ENOSPC],
    [new EngineError("QCOW2_CLOSED", "no"), ErrorNumber.ESHUTDOWN],
    [new EngineError("QCOW2_FLUSH_FAILED", "no"), ErrorNumber.EIO],
  ])("are errors, not disconnects: %s", async (failure, number) => {
    const told: unknown[] = [];
    const gate: Gate = { before: () => Promise.reject(failure) };
    const observer = { exportFailed: ({ error }: { error: unknown }) => told.push(error) };
    const { client } = await served(testExport(gate), {}, { observer });
    const reply = await client.request(Command.read, 0, 200_000);
    expect(reply.chunks).toEqual([{ kind: "error", error: number, message: "" }]);
    expect((await client.request(Command.flush, 0, 0)).error).toBe(number);
    expect(told).toEqual([failure, failure]);
  });
});

describe("memory", () => {
  it("bounds the requests under way, and reading goes on when some are answered", async () => {
    const gate = held();
    const { client } = await served(testExport(gate), {}, { limits: { requestsMax: 4 } });
    for (let count = 0; count < 10; count++) await client.send(Command.read, count * 512, 512);
    await settled();
    expect(gate.waiting).toBe(4);
    gate.release();
    await settled();
    expect(gate.waiting).toBe(4);
    gate.release();
    await settled();
    gate.release();
    for (let count = 0; count < 10; count++) expect((await client.reply()).error).toBe(0);
  });

  it("bounds the bytes under way, of payloads and of replies", async () => {
    const gate = held();
    const { client } = await served(
      testExport(gate),
      { style: "simple" },
      { limits: { inFlightBytesMax: 300_000 } },
    );
    const payload = new Uint8Array(100_000);
    for (let count = 0; count < 3; count++) await client.send(Command.write, 0, 100_000, { payload });
    for (let count = 0; count < 3; count++) await client.send(Command.read, 0, 100_000);
    await settled();
    expect(gate.waiting).toBe(2);
    for (let count = 0; count < 6; count++) {
      gate.release();
      await settled();
    }
    for (let count = 0; count < 6; count++) expect((await client.reply()).error).toBe(0);
  });

  it("is not taken by a client that asks and does not read", async () => {
    const disk = testExport();
    const server = serverOf(disk, { limits: { inFlightBytesMax: 1_000_000 } });
    const { client, stream, serverStream } = connected(server, 200_000);
    await client.connect("disk", { style: "simple" });
    // Endless requests, errors among them, until nobody takes them any more.
    let sent = 0;
    void (async () => {
      for (; sent < 100_000; sent++) await client.send(Command.read, sent % 2 === 0 ? 0 : 2 ** 40, 100_000);
    })().catch(() => undefined);
    await settled();
    const before = sent;
    await settled();
    expect(sent).toBe(before);
    expect(disk.log.length).toBeLessThan(20);
    expect(serverStream.unread).toBeLessThan(400_000);
    stream.destroy();
  });

  it("is given back by one connection for the next", async () => {
    const server = serverOf(testExport(), { limits: { connectionsMax: 2 } });
    const [first, second] = [connected(server), connected(server)];
    await first.client.connect("disk");
    await second.client.connect("disk");
    const third = connected(server);
    await third.done;
    expect(third.serverStream.state).toBe("destroyed");
    await first.client.send(Command.disconnect, 0, 0);
    await first.done;
    const fourth = connected(server);
    await fourth.client.connect("disk");
    expect(server.connections).toBe(2);
  });
});

describe("the end of a connection", () => {
  it("by a disconnect comes after the answers to what was asked", async () => {
    const gate = held();
    const { client, done, serverStream } = await served(testExport(gate), {});
    await client.send(Command.read, 0, 512);
    await client.send(Command.disconnect, 0, 0);
    await settled();
    expect(serverStream.state).toBe("open");
    gate.release();
    expect((await client.reply()).error).toBe(0);
    await done;
    expect(serverStream.state).toBe("closed");
  });

  it("by a client that only stops sending comes after the answers, too", async () => {
    const { client, stream, done } = await served(testExport(), {});
    await client.send(Command.read, 0, 512);
    stream.end();
    expect((await client.reply()).error).toBe(0);
    await done;
  });

  it("cancels reads of a client that is gone, and finishes its writes", async () => {
    const gate = held();
    const failures: unknown[] = [];
    const disk = testExport(gate);
    const observer = { exportFailed: (event: object) => failures.push(event) };
    const { client, stream, done } = await served(disk, {}, { observer });
    await client.send(Command.read, 0, 512);
    await client.send(Command.write, 0, 512, { payload: new Uint8Array(512).fill(9) });
    await settled();
    stream.destroy();
    await settled();
    gate.release();
    await done;
    expect(disk.bytes[0]).toBe(9);
    expect(failures).toEqual([]);
  });

  it.each([
    ["a wrong magic number", Buffer.alloc(28)],
    ["half a request", Buffer.from("25609513", "hex")],
  ])("comes at once after %s, and leaves other connections alone", async (_title, bytes) => {
    const closed: unknown[] = [];
    const server = serverOf(testExport(), {
      observer: { connectionClosed: (event) => closed.push(event.error) },
    });
    const [bad, good] = [connected(server), connected(server)];
    await bad.client.connect("disk");
    await good.client.connect("disk");
    await bad.client.stream.write([bytes]);
    bad.stream.end();
    await bad.done;
    expect(bad.serverStream.state).toBe("destroyed");
    expect(closed).toHaveLength(1);
    expect((await good.client.request(Command.read, 0, 512)).error).toBe(0);
  });

  it("comes after a payload that is longer than was agreed on, with extended headers", async () => {
    const { client, done } = await served(testExport(), { style: "extended" });
    const flags = CommandFlag.payloadLength;
    await client.send(Command.write, 0, 64 * 1024 * 1024, { flags, payload: new Uint8Array(1) });
    await done;
  });

  it("does not come after a long payload of a compact request, which goes by", async () => {
    const { client } = await served(testExport(), {}, { limits: { payloadBytesMax: 65536 } });
    const payload = new Uint8Array(300_000);
    expect((await client.request(Command.write, 0, 300_000, { payload })).error).toBe(ErrorNumber.EINVAL);
    expect((await client.request(Command.read, 0, 300_000)).error).toBe(ErrorNumber.EOVERFLOW);
    expect((await client.request(Command.read, 0, 512)).error).toBe(0);
  });
});

describe("closing the server", () => {
  it("answers what is under way, refuses the rest, flushes, and ends connections in peace", async () => {
    const gate = held();
    const disk = testExport(gate);
    const { client, server, done, serverStream } = await served(disk, {});
    const under = await client.send(Command.write, 0, 512, { payload: new Uint8Array(512) });
    await settled();
    const closing = server.close();
    await settled();
    const late = await client.send(Command.read, 0, 512);
    expect(await client.reply()).toMatchObject({ cookie: late, error: ErrorNumber.ESHUTDOWN });
    gate.release();
    expect(await client.reply()).toMatchObject({ cookie: under, error: 0 });
    await done;
    expect(serverStream.state).toBe("closed");
    await settled();
    gate.release();
    await closing;
    expect(disk.log).toEqual(["write", "flush"]);
    const refused = connected(server);
    await refused.done;
    expect(refused.serverStream.state).toBe("destroyed");
  });

  it("ends connections that are idle, and those that still negotiate", async () => {
    const { server, done } = await served(testExport(), {});
    const other = connected(server);
    await other.client.hello();
    await server.close();
    await Promise.all([done, other.done]);
    expect(server.connections).toBe(0);
  });

  it("cuts off who does not read replies, when its time is up", async () => {
    const time = new ManualClock();
    const server = serverOf(testExport(), { time, limits: { closeMs: 5000 } });
    const { client, done, serverStream } = connected(server, 1000);
    await client.connect("disk");
    for (let count = 0; count < 10; count++) await client.send(Command.read, 0, 100_000);
    await settled();
    const closing = server.close();
    await settled();
    await time.advance(4999);
    expect(serverStream.state).toBe("open");
    await time.advance(1);
    await Promise.all([closing, done]);
    expect(serverStream.state).toBe("destroyed");
    expect(time.pending).toBe(0);
  });

  it("rejects when an export cannot be flushed", async () => {
    const server = serverOf(testExport({ before: () => Promise.reject(new Error("lost")) }));
    await expect(server.close()).rejects.toThrow("lost");
  });
});
