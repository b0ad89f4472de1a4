// Operations that take over 30 seconds are told of, and go on (S-0.9.2-2). The clock is the test's (S-0.7.0-1).

import { FaultyBackend, ManualClock, MemoryBackend } from "@qcow/backend-memory";
import { describe, expect, test } from "vitest";
import { createImage, type Observer } from "../../src/index.js";
import { SLOW_IO_MS, SlowIoWatch } from "../../src/write/slow-io-watch.js";
import { settle } from "./gates.js";
import { openWritable } from "./open-writable.js";

function watch() {
  const told: [string, number][] = [];
  const observer: Observer = {
    slowIo: ({ operation, elapsedMs }) => void told.push([operation, elapsedMs]),
  };
  const clock = new ManualClock();
  return { told, observer, clock };
}

function pending(): { job: () => Promise<string>; end: () => void } {
  let end = (): void => undefined;
  const done = new Promise<string>((resolve) => {
    end = () => resolve("done");
  });
  return { job: () => done, end: () => end() };
}

describe("an operation (S-0.9.2-2)", () => {
  test("of over 30 seconds is told of once, goes on, and gives its real result", async () => {
    const { told, observer, clock } = watch();
    const slow = pending();
    const result = new SlowIoWatch(clock, observer).run("read", 0, 1, slow.job);
    await clock.advance(SLOW_IO_MS - 1);
    expect(told).toEqual([]);
    await clock.advance(1);
    expect(told).toEqual([["read", SLOW_IO_MS]]);
    await clock.advance(10 * SLOW_IO_MS);
    expect(told).toHaveLength(1);
    slow.end();
    expect(await result).toBe("done");
  });

  test("each is told of at its own time, those that ended not at all", async () => {
    const { told, observer, clock } = watch();
    const slowIo = new SlowIoWatch(clock, observer);
    const [a, b, c] = [pending(), pending(), pending()];
    const all = [slowIo.run("a", 0, 1, a.job)];
    await clock.advance(10_000);
    all.push(slowIo.run("b", 0, 1, b.job), slowIo.run("c", 0, 1, c.job));
    b.end();
    await clock.advance(20_000);
    expect(told).toEqual([["a", 30_000]]);
    a.end();
    await clock.advance(10_000);
    expect(told).toEqual([
      ["a", 30_000],
      ["c", 30_000],
    ]);
    c.end();
    await Promise.all(all);
    await clock.advance(SLOW_IO_MS);
    expect(clock.pending).toBe(0);
  });

  test("is not timed without somebody to tell or a clock, and leaves no sleeper behind", async () => {
    const { observer, clock } = watch();
    expect(await new SlowIoWatch(clock, {}).run("read", 0, 1, async () => 5)).toBe(5);
    expect(await new SlowIoWatch(undefined, observer).run("read", 0, 1, async () => 5)).toBe(5);
    expect(clock.pending).toBe(0);
    const closed = new SlowIoWatch(clock, observer);
    await closed.run("read", 0, 1, async () => 5);
    expect(clock.pending).toBe(1);
    closed.close();
    await settle();
    expect(clock.pending).toBe(0);
  });

  test("that fails late fails as it would have", async () => {
    const { told, observer, clock } = watch();
    const result = new SlowIoWatch(clock, observer).run("read", 0, 1, async () => {
      await clock.sleep(SLOW_IO_MS + 5);
      throw new Error("at last");
    });
    const failed = expect(result).rejects.toThrow("at last");
    await clock.advance(SLOW_IO_MS + 10);
    await failed;
    expect(told).toHaveLength(1);
  });
});

describe("an image on a slow host (S-0.9.2-2)", () => {
  test("tells of each kind of operation, its place and its length", async () => {
    const { clock } = watch();
    const disk = new MemoryBackend();
    await createImage(disk, { size: 2 ** 20, lazyRefcounts: false });
    const delay = { kind: "delay", ms: 40_000 } as const;
    const faulty = new FaultyBackend(disk, { clock });
    const told: unknown[] = [];
    const observer: Observer = { slowIo: (event) => void told.push(event) };
    const image = await openWritable(faulty, {}, { time: clock, observer });
    faulty.add({ operation: "write", nth: faulty.counts.write + 1, effect: delay });
    const writing = image.write(512, new Uint8Array(1024));
    await settle();
    await clock.advance(40_000);
    await writing;
    faulty.add({ operation: "flush", nth: faulty.counts.flush + 1, effect: delay });
    const flushing = image.flush();
    await settle();
    await clock.advance(40_000);
    await flushing;
    expect(told).toEqual([
      {
        operation: "write",
        offset: 512,
        length: 1024,
        elapsedMs: 30_000,
        holders: ["bytes 0 to 65536: held by one who changes entries"],
      },
      { operation: "flush", offset: 0, length: 0, elapsedMs: 30_000, holders: [] },
    ]);
    await image.close();
    expect(clock.pending).toBe(0);
  });
});
