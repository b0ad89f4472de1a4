// Locks on ranges: who shares, who waits, in which order, and that nobody waits for ever.

import { describe, expect, test } from "vitest";
import { RangeLocks } from "../../src/write/range-locks.js";
import { Random } from "../random.js";
import { settle } from "./gates.js";

/** Asks for a lock; `held` says whether it has been granted. */
function ask(locks: RangeLocks, start: number, end: number, exclusive: boolean, signal?: AbortSignal) {
  const asked = { held: false, unlock: (): void => undefined, failed: undefined as unknown };
  const granted = locks.lock(start, end, exclusive, signal).then(
    (unlock) => {
      asked.held = true;
      asked.unlock = unlock;
    },
    (error: unknown) => {
      asked.failed = error;
    },
  );
  return Object.assign(asked, { granted });
}

describe("range locks", () => {
  test("are shared by those who share, and held alone by who does not", async () => {
    const locks = new RangeLocks();
    const [a, b, c] = [ask(locks, 0, 10, false), ask(locks, 5, 15, false), ask(locks, 9, 11, true)];
    await settle();
    expect([a.held, b.held, c.held]).toEqual([true, true, false]);
    a.unlock();
    await settle();
    expect(c.held).toBe(false);
    b.unlock();
    await c.granted;
    expect(locks.pending).toBe(1);
    c.unlock();
    expect(locks.pending).toBe(0);
  });

  test("on ranges that only touch are nothing to each other", async () => {
    const locks = new RangeLocks();
    const all = [ask(locks, 0, 10, true), ask(locks, 10, 20, true), ask(locks, 20, 30, false)];
    await settle();
    expect(all.map(({ held }) => held)).toEqual([true, true, true]);
  });

  test("are given in the order of asking: a stream of readers does not starve a writer, nor writers a reader", async () => {
    const locks = new RangeLocks();
    const reader = ask(locks, 0, 10, false);
    const writer = ask(locks, 0, 10, true);
    const late = ask(locks, 0, 10, false);
    const elsewhere = ask(locks, 50, 60, true);
    await settle();
    expect([reader.held, writer.held, late.held, elsewhere.held]).toEqual([true, false, false, true]);
    reader.unlock();
    await writer.granted;
    await settle();
    expect(late.held).toBe(false);
    writer.unlock();
    await late.granted;
  });

  test("wake everybody who can go on, and nobody who cannot", async () => {
    const locks = new RangeLocks();
    const first = ask(locks, 0, 100, true);
    const waiting = [
      ask(locks, 0, 10, false),
      ask(locks, 5, 20, false),
      ask(locks, 15, 30, true),
      ask(locks, 40, 50, true),
      ask(locks, 45, 60, false),
    ];
    await settle();
    first.unlock();
    await settle();
    expect(waiting.map(({ held }) => held)).toEqual([true, true, false, true, false]);
  });

  test("that are unlocked twice are unlocked once", async () => {
    const locks = new RangeLocks();
    const a = ask(locks, 0, 10, true);
    await a.granted;
    a.unlock();
    const b = ask(locks, 0, 10, true);
    await b.granted;
    a.unlock();
    expect(locks.pending).toBe(1);
  });

  test("are not waited for any longer once the signal says so, and those behind go on", async () => {
    const locks = new RangeLocks();
    const reader = ask(locks, 0, 10, false);
    const controller = new AbortController();
    const writer = ask(locks, 0, 10, true, controller.signal);
    const behind = ask(locks, 5, 10, false);
    await settle();
    expect(behind.held).toBe(false);
    controller.abort(new Error("enough"));
    await settle();
    expect(writer.failed).toMatchObject({ message: "enough" });
    expect(behind.held).toBe(true);
    reader.unlock();
    behind.unlock();
    expect(locks.pending).toBe(0);
  });

  test("keep out what they should, under any order of asking, giving up and unlocking", async () => {
    const random = new Random(11);
    for (let round = 0; round < 30; round++) {
      const locks = new RangeLocks();
      const holders = new Set<{ start: number; end: number; exclusive: boolean }>();
      const work = async (): Promise<void> => {
        const start = random.below(50);
        const claim = { start, end: start + random.between(1, 20), exclusive: random.chance(0.5) };
        const controller = new AbortController();
        if (random.chance(0.2)) setImmediate(() => controller.abort());
        const unlock = await locks
          .lock(claim.start, claim.end, claim.exclusive, controller.signal)
          .catch(() => undefined);
        if (unlock === undefined) return;
        for (const other of holders) {
          if (other.start < claim.end && claim.start < other.end)
            expect(other.exclusive || claim.exclusive).toBe(false);
        }
        holders.add(claim);
        for (let turns = random.below(3); turns > 0; turns--) await settle();
        holders.delete(claim);
        unlock();
      };
      await Promise.all(Array.from({ length: 25 }, work));
      expect(locks.pending).toBe(0);
    }
  });
});
