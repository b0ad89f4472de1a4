import { ManualClock } from "@qcow/backend-memory";
import { describe, expect, it } from "vitest";

describe("ManualClock", () => {
  it("stands still until it is moved, both its times together", async () => {
    const clock = new ManualClock({ monotonicMs: 100, wallMs: 5000 });
    expect([clock.monotonicMs(), clock.wallMs()]).toEqual([100, 5000]);
    await clock.advance(50);
    expect([clock.monotonicMs(), clock.wallMs()]).toEqual([150, 5050]);
  });

  it("moves the wall clock alone, forwards and back, and wakes nobody by that", async () => {
    const clock = new ManualClock({ wallMs: 5000 });
    const sleep = clock.sleep(10);
    clock.setWall(1000);
    expect([clock.monotonicMs(), clock.wallMs()]).toEqual([0, 1000]);
    expect(clock.pending).toBe(1);
    await clock.advance(10);
    await sleep;
    expect(clock.wallMs()).toBe(1010);
  });

  it("wakes the sleepers that are due, each at its own time, equals in the order of their calls", async () => {
    const clock = new ManualClock();
    const woken: string[] = [];
    const sleeper = async (name: string, ms: number) => {
      await clock.sleep(ms);
      woken.push(`${name}@${clock.monotonicMs()}`);
    };
    const all = [sleeper("c", 30), sleeper("a", 10), sleeper("b", 10), sleeper("d", 31)];
    expect([clock.pending, clock.nextDeadlineMs]).toEqual([4, 10]);
    await clock.advance(30);
    expect(woken).toEqual(["a@10", "b@10", "c@30"]);
    expect([clock.pending, clock.nextDeadlineMs]).toEqual([1, 31]);
    await clock.advance(1);
    await Promise.all(all);
    expect(clock.nextDeadlineMs).toBeUndefined();
  });

  it("wakes those again who sleep again within the span", async () => {
    const clock = new ManualClock();
    const ticks: number[] = [];
    const ticking = (async () => {
      for (let tick = 0; tick < 5; tick += 1) {
        await clock.sleep(10);
        ticks.push(clock.monotonicMs());
      }
    })();
    await clock.advance(45);
    expect(ticks).toEqual([10, 20, 30, 40]);
    await clock.advance(5);
    await ticking;
  });

  it("forgets a sleeper that was cancelled", async () => {
    const clock = new ManualClock();
    const controller = new AbortController();
    const sleep = clock.sleep(10, { signal: controller.signal });
    controller.abort();
    await expect(sleep).rejects.toMatchObject({ name: "AbortError" });
    expect(clock.pending).toBe(0);
  });

  it("does not go back", async () => {
    await expect(new ManualClock().advance(-1)).rejects.toMatchObject({ code: "BACKEND_BAD_RANGE" });
  });
});
