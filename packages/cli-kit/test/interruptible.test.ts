import type { TimeBackend } from "@qcow/block";
import { expect, it } from "vitest";
import { interruptible } from "../src/interruptible.js";

/** A clock of which every look takes 10 ms. */
class TickingClock implements TimeBackend {
  sleeps = 0;
  #nowMs = 0;

  monotonicMs(): number {
    this.#nowMs += 10;
    return this.#nowMs;
  }

  wallMs(): number {
    return 0;
  }

  async sleep(): Promise<void> {
    this.sleeps++;
  }
}

async function* numbers(count: number): AsyncGenerator<number, void, void> {
  for (let number = 0; number < count; number++) yield number;
}

it("yields every step, and pauses when 50 ms have passed", async () => {
  const clock = new TickingClock();
  const seen: number[] = [];
  for await (const number of interruptible(numbers(12), clock)) seen.push(number);
  expect(seen).toEqual(Array.from({ length: 12 }, (_, index) => index));
  expect(clock.sleeps).toBe(2);
});

it("lets events in between the steps of a loop that never waits", async () => {
  // Loads the clock, which would be a first turn of the event loop.
  for await (const _number of interruptible(numbers(1)));
  let stop = false;
  setTimeout(() => {
    stop = true;
  }, 1);
  for await (const _number of interruptible(numbers(Number.POSITIVE_INFINITY))) if (stop) break;
  expect(stop).toBe(true);
});
