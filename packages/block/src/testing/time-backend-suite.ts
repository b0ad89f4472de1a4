// The conformance suite of TimeBackend, for real clocks and for those that stand still until they
// are moved. Asserts no upper bound on how long anything takes.

import type { TimeBackend } from "../time-backend.js";
import { assert, assertAborts, assertEqual, assertRejects } from "./assertions.js";
import type { TestFunctions } from "./test-functions.js";

export interface TimeBackendSuite<Clock extends TimeBackend = TimeBackend> extends TestFunctions {
  /** Heads the tests. */
  readonly name: string;
  readonly open: () => Clock;
  /** Lets `ms` milliseconds pass on a clock that does not move by itself. */
  readonly advance?: ((clock: Clock, ms: number) => Promise<void>) | undefined;
}

/** Declares the tests. */
export function runTimeBackendSuite<Clock extends TimeBackend>(suite: TimeBackendSuite<Clock>): void {
  const test = (title: string, body: (clock: Clock) => Promise<void>) => {
    suite.it(title, () => body(suite.open()));
  };
  const pass = async (clock: Clock, ms: number) => suite.advance?.(clock, ms);
  suite.describe(`${suite.name}: time`, () => {
    describeReadings(test, pass);
    describeSleeping(test, pass);
    describeCancelledSleep(test, pass);
  });
}

type Test<Clock> = (title: string, body: (clock: Clock) => Promise<void>) => void;
type Pass<Clock> = (clock: Clock, ms: number) => Promise<void>;

function describeReadings<Clock extends TimeBackend>(test: Test<Clock>, pass: Pass<Clock>): void {
  test("tells a monotonic time that never goes back, and a wall time", async (clock) => {
    let before = clock.monotonicMs();
    for (let round = 0; round < 100; round += 1) {
      await pass(clock, round);
      const now = clock.monotonicMs();
      assert(now >= before, `went back from ${before} to ${now}`);
      before = now;
    }
    assert(Number.isFinite(clock.wallMs()), "the wall time is no number");
  });
}

function describeSleeping<Clock extends TimeBackend>(test: Test<Clock>, pass: Pass<Clock>): void {
  test("sleeps for at least as long as it was told", async (clock) => {
    for (const ms of [0, 0.5, 1, 7, 20]) {
      const start = clock.monotonicMs();
      const sleep = clock.sleep(ms);
      await pass(clock, ms);
      await sleep;
      const slept = clock.monotonicMs() - start;
      assert(slept >= ms, `slept ${slept} ms instead of ${ms}`);
    }
  });

  test("wakes many sleepers, the shorter sleep first", async (clock) => {
    const woken: number[] = [];
    const sleeps = [60, 1, 30].map((ms) => clock.sleep(ms).then(() => woken.push(ms)));
    await pass(clock, 60);
    await Promise.all(sleeps);
    assertEqual(woken.join(), "1,30,60", "order");
  });

  test("rejects a time that is none", async (clock) => {
    for (const ms of [-1, Number.NaN, Number.NEGATIVE_INFINITY]) {
      await assertRejects(() => clock.sleep(ms), "BACKEND_BAD_RANGE", `sleep(${ms})`);
    }
  });
}

function describeCancelledSleep<Clock extends TimeBackend>(test: Test<Clock>, pass: Pass<Clock>): void {
  const reason = new Error("not wanted any more");

  test("rejects with the signal's reason when it was cancelled before", async (clock) => {
    await assertAborts(() => clock.sleep(1e9, { signal: AbortSignal.abort(reason) }), reason, "sleep");
  });

  test("rejects at once when it is cancelled asleep, however long the sleep", async (clock) => {
    for (const ms of [1e6, 1e12, Number.POSITIVE_INFINITY]) {
      const controller = new AbortController();
      const sleep = clock.sleep(ms, { signal: controller.signal });
      controller.abort(reason);
      await assertAborts(() => sleep, reason, `sleep(${ms})`);
    }
  });

  test("does not mind a signal that comes after waking", async (clock) => {
    const controller = new AbortController();
    const sleep = clock.sleep(1, { signal: controller.signal });
    await pass(clock, 1);
    await sleep;
    controller.abort(reason);
  });
}
