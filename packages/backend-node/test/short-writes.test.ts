import { readFileSync } from "node:fs";
import { type FileSystem, openWritable } from "@qcow/backend-node";
import type { TimeBackend } from "@qcow/block";
import { describe, expect, it } from "vitest";
import { NodeFileBackend } from "../src/node-file-backend.js";
import { hostErrorOf } from "./fake-file-system.js";
import { scratch } from "./scratch.js";

const pathTo = scratch();

/** A file on a host that takes `writeSync`'s word for short writes; a write at once takes as long as `ms` says. */
function host(
  writeSync: FileSystem["writeSync"],
  ms: () => number = () => 0,
  { atOnceBytes = undefined as number | undefined } = {},
) {
  const counts = { atOnce: 0, pooled: 0 };
  let now = 0;
  const time: TimeBackend = { monotonicMs: () => now, wallMs: () => now, sleep: () => Promise.resolve() };
  const fs = {
    writeSync(...args: Parameters<NonNullable<FileSystem["writeSync"]>>) {
      counts.atOnce += 1;
      now += ms();
      return writeSync?.(...args) ?? 0;
    },
    write(
      _fd: number,
      _buffer: Uint8Array,
      _start: number,
      length: number,
      _position: number,
      done: (error: null, count: number) => void,
    ) {
      counts.pooled += 1;
      setImmediate(() => done(null, length));
    },
  } as unknown as FileSystem;
  const file = { fs, fd: 3, label: "disk", identity: "disk", isDevice: false, lock: "none" } as const;
  return { counts, backend: new NodeFileBackend({ ...file, libc: undefined, atOnceBytes }, time) };
}

const takesAll: FileSystem["writeSync"] = (_fd, _buffer, _start, length) => length;

describe("a short write", () => {
  it("does not go through the thread pool, a long one does", async () => {
    const { counts, backend } = host(takesAll);
    await backend.write(0, new Uint8Array(4096));
    await backend.write(0, new Uint8Array(1024 * 1024));
    expect(counts).toEqual({ atOnce: 1, pooled: 1 });
  });

  it("leaves to the pool what the host did not take, and what failed", async () => {
    const taken: number[] = [4000, -1];
    const { counts, backend } = host(() => {
      const count = taken.shift() as number;
      if (count < 0) throw hostErrorOf("ENOSPC");
      return count;
    });
    await backend.write(0, new Uint8Array(4096));
    await backend.write(0, new Uint8Array(4096));
    expect(counts).toEqual({ atOnce: 2, pooled: 2 });
  });

  it("lets others have a turn every now and then", async () => {
    const { counts, backend } = host(takesAll);
    let turns = 0;
    const timer = setImmediate(function count() {
      turns += 1;
      if (turns < 1000) setImmediate(count);
    });
    for (let round = 0; round < 330; round++) await backend.write(0, new Uint8Array(1));
    clearImmediate(timer);
    expect(counts).toEqual({ atOnce: 330, pooled: 0 });
    expect(turns).toBeGreaterThanOrEqual(9);
    expect(turns).toBeLessThan(1000);
    turns = 1000;
  });

  it("keeps nobody waiting again soon, once the host was slow", async () => {
    let isSlow = true;
    const { counts, backend } = host(takesAll, () => (isSlow ? 200 : 0));
    await backend.write(0, new Uint8Array(1));
    isSlow = false;
    for (let round = 0; round < 1000; round++) await backend.write(0, new Uint8Array(1));
    expect(counts).toEqual({ atOnce: 1, pooled: 1000 });
    await backend.write(0, new Uint8Array(1));
    expect(counts.atOnce).toBe(2);
  });

  it("may be as long as is asked for, and take longer then", async () => {
    const MIB = 1024 * 1024;
    let ms = 12;
    const { counts, backend } = host(takesAll, () => ms, { atOnceBytes: MIB });
    await backend.write(0, new Uint8Array(MIB));
    await backend.write(0, new Uint8Array(MIB + 1));
    await backend.write(0, new Uint8Array(MIB));
    expect(counts).toEqual({ atOnce: 2, pooled: 1 });
    ms = 14;
    await backend.write(0, new Uint8Array(MIB));
    for (let round = 0; round < 65; round++) await backend.write(0, new Uint8Array(MIB));
    expect(counts).toEqual({ atOnce: 4, pooled: 65 });
  });

  it("is in the file, wherever it went", async () => {
    await using backend = await openWritable(pathTo(), { create: true });
    const expected = Uint8Array.from({ length: 100 * 300 }, (_, index) => index % 251);
    for (let at = 0; at < expected.length; at += 300) {
      await backend.write(at, expected.subarray(at, at + 300));
    }
    expect(Buffer.compare(readFileSync(backend.label), expected)).toBe(0);
  });
});
