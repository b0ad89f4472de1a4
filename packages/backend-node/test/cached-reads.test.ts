import { closeSync, existsSync, openSync, rmSync, writeFileSync } from "node:fs";
import { openReadable } from "@qcow/backend-node";
import { describe, expect, it } from "vitest";
import { CachedReads } from "../src/cached-reads.js";
import type { FileSystem } from "../src/file-system.js";
import type { Libc } from "../src/libc.js";
import { NodeFileReader } from "../src/node-file-backend.js";
import { IDLE_LIBC } from "./idle-libc.js";
import { scratch } from "./scratch.js";
import { libc } from "./tools.js";

const pathTo = scratch();

/** A host whose memory holds what `inMemory` says of each read, and whose thread pool reads byte 7 up to `end`. */
function host(
  inMemory: (target: Uint8Array, offset: number) => number | "never",
  { end = 1e9, isInMemory = false, atOnceBytes = undefined as number | undefined } = {},
) {
  const counts = { atOnce: 0, pooled: 0 };
  const calls: Libc = {
    ...IDLE_LIBC,
    readCached: (_fd, target, offset) => {
      counts.atOnce += 1;
      return inMemory(target, offset);
    },
    readNow: (_fd, target) => {
      counts.atOnce += 1;
      return target.fill(9).length;
    },
    isInMemory: () => isInMemory,
  };
  const fs = {
    read(
      _fd: number,
      buffer: Uint8Array,
      start: number,
      length: number,
      position: number,
      done: (error: null, count: number) => void,
    ) {
      counts.pooled += 1;
      const count = Math.max(0, Math.min(length, end - position));
      buffer.fill(7, start, start + count);
      setImmediate(() => done(null, count));
    },
  } as unknown as FileSystem;
  const file = { fs, fd: 3, label: "disk", identity: "disk", isDevice: false, lock: "none" } as const;
  return { counts, reader: new NodeFileReader({ ...file, libc: calls, atOnceBytes }) };
}

const all = (value: number) => (target: Uint8Array) => {
  target.fill(value);
  return target.length;
};

async function readOf(reader: NodeFileReader, length: number, offset = 0): Promise<Uint8Array> {
  const target = new Uint8Array(length);
  await reader.read(offset, target);
  return target;
}

describe("a read of what is in memory", () => {
  it("does not go through the thread pool", async () => {
    const { counts, reader } = host(all(1));
    expect(await readOf(reader, 4)).toEqual(Uint8Array.of(1, 1, 1, 1));
    expect(counts).toEqual({ atOnce: 1, pooled: 0 });
  });

  it("leaves the rest to the pool when only its start is in memory", async () => {
    const { counts, reader } = host((target) => {
      target.fill(1, 0, 2);
      return 2;
    });
    expect(await readOf(reader, 4)).toEqual(Uint8Array.of(1, 1, 7, 7));
    expect(counts.pooled).toBe(1);
  });

  it("goes through the pool when it would wait, or is long", async () => {
    const { counts, reader } = host(() => 0);
    expect(await readOf(reader, 2)).toEqual(Uint8Array.of(7, 7));
    await readOf(reader, 1024 * 1024);
    expect(counts).toEqual({ atOnce: 1, pooled: 2 });
  });

  it("is not tried again where the file cannot be read so", async () => {
    const { counts, reader } = host(() => "never");
    for (let round = 0; round < 3; round++) await readOf(reader, 2);
    expect(counts).toEqual({ atOnce: 1, pooled: 3 });
  });

  it("is done at once also where the host only knows that all of the file system is memory", async () => {
    const { counts, reader } = host(() => "never", { isInMemory: true });
    for (let round = 0; round < 3; round++) expect(await readOf(reader, 2)).toEqual(Uint8Array.of(9, 9));
    expect(counts).toEqual({ atOnce: 4, pooled: 0 });
  });

  it("may be long where that is asked for", async () => {
    const { counts, reader } = host(all(1), { atOnceBytes: 1024 * 1024 });
    await readOf(reader, 1024 * 1024);
    await readOf(reader, 1024 * 1024 + 1);
    expect(counts).toEqual({ atOnce: 1, pooled: 1 });
  });

  it("lets others have a turn every now and then", async () => {
    const { counts, reader } = host(all(1));
    let turns = 0;
    const timer = setImmediate(function count() {
      turns += 1;
      if (turns < 1000) setImmediate(count);
    });
    for (let round = 0; round < 330; round++) await readOf(reader, 2);
    clearImmediate(timer);
    expect(counts).toEqual({ atOnce: 330, pooled: 0 });
    expect(turns).toBeGreaterThanOrEqual(9);
    expect(turns).toBeLessThan(1000);
    turns = 1000;
  });

  it("never sends those another way who let others have their turn by themselves", async () => {
    const { reader } = host(all(1));
    const target = new Uint8Array(2);
    for (let round = 0; round < 330; round++) {
      expect(reader.readNow(0, target)).toBe(true);
      await new Promise((resolve) => setImmediate(resolve));
    }
  });

  it("can be asked for, and nothing else is done then", async () => {
    const { counts, reader } = host((target) => all(5)(target.length > 8 ? target.subarray(0, 4) : target));
    const target = new Uint8Array(8);
    expect(reader.readNow(0, target)).toBe(true);
    expect(target).toEqual(new Uint8Array(8).fill(5));
    expect(reader.readNow(0, new Uint8Array(9))).toBe(false);
    for (const offset of [-1, 0.5, Number.NaN, 2 ** 60]) expect(reader.readNow(offset, target)).toBe(false);
    expect(counts).toEqual({ atOnce: 2, pooled: 0 });
  });

  it("cannot be asked for of a closed file", async () => {
    const path = pathTo("closed");
    writeFileSync(path, "abc");
    const reader = await openReadable(path, { lock: "shared" });
    await reader.close();
    expect(reader.readNow?.(0, new Uint8Array(1))).toBe(false);
  });

  it("cannot be asked for over and over without a turn for others", async () => {
    const { reader } = host(all(1));
    const target = new Uint8Array(2);
    let inARow = 0;
    while (reader.readNow(0, target)) inARow++;
    expect(inARow).toBeLessThan(100);
    await reader.read(0, target);
    expect(reader.readNow(0, target)).toBe(true);
  });

  it("says that the file ends as the pool does", async () => {
    const { reader } = host((target) => all(1)(target.subarray(0, 2)), { end: 102 });
    await expect(readOf(reader, 4, 100)).rejects.toMatchObject({
      code: "BACKEND_SHORT_READ",
      message: "cannot read 4 bytes at 100 of disk: the file ends at 102",
    });
  });
});

describe.skipIf(libc === undefined)("the host (needs koffi)", () => {
  it("reads what was just written from memory, at any offset of the target, or says that it never does", async () => {
    const path = pathTo();
    writeFileSync(
      path,
      Uint8Array.from({ length: 10_000 }, (_, index) => index % 251),
    );
    await using reader = await openReadable(path, { sparse: true });
    const whole = new Uint8Array(300);
    await reader.read(5000, whole.subarray(100, 200));
    expect([...whole.subarray(0, 100), ...whole.subarray(200)].every((byte) => byte === 0)).toBe(true);
    expect(whole.subarray(100, 200)).toEqual(Uint8Array.from({ length: 100 }, (_, i) => (5000 + i) % 251));
    await expect(reader.read(9_990, new Uint8Array(20))).rejects.toMatchObject({
      code: "BACKEND_SHORT_READ",
    });
  });

  it("reads at once from what is memory, and knows what is not", () => {
    const calls = libc as Libc;
    const reads = (path: string): boolean => {
      writeFileSync(path, Uint8Array.of(1, 2, 3, 4));
      const fd = openSync(path, "r");
      try {
        const target = new Uint8Array(8);
        expect(calls.readNow(fd, target.subarray(2, 4), 1)).toBe(2);
        expect(target).toEqual(Uint8Array.of(0, 0, 2, 3, 0, 0, 0, 0));
        return calls.isInMemory(fd);
      } finally {
        closeSync(fd);
        rmSync(path);
      }
    };
    reads(pathTo());
    if (existsSync("/dev/shm")) expect(reads(`/dev/shm/qcow-cached-reads-${process.pid}`)).toBe(true);
    expect(calls.isInMemory(-1)).toBe(false);
    expect(calls.readNow(-1, new Uint8Array(4), 0)).toBe(0);
    const fd = openSync("/proc/self/status", "r");
    expect(calls.isInMemory(fd)).toBe(false);
    closeSync(fd);
  });

  it("reports a descriptor that is none through the pool", () => {
    const reads = new CachedReads(libc as Libc, -1);
    expect(reads.read(0, new Uint8Array(4))).toBe(0);
  });
});
