// Drives what is under way: lets the program run until it waits for a disk, then ends one operation of a disk. Owns the
// stepping, and noticing that somebody waits for nothing.

import type { ManualClock } from "@qcow/backend-memory";
import type { HeldOperations } from "../disk/held-operations.js";
import type { Machine } from "../disk/machine.js";
import { quiet, roundTheLoop } from "../disk/quiet.js";
import type { Random } from "../random.js";
import { Violation } from "../violation.js";

/** How long a rest is in one go, and how much happens in the meantime. */
const REST_SECONDS = 3;
const REST_STEPS = 25;

/** Rounds of the event loop before a program that waits for no disk is said to hang: pure computing may take turns. */
const ROUNDS_MAX = 50;

export class Driver {
  readonly #held: HeldOperations;
  readonly #clock: ManualClock;
  readonly #random: Random;
  readonly #beforeStep: () => Promise<void>;

  /** `beforeStep` is awaited before each operation ends, while nothing moves. */
  constructor({ held, clock }: Machine, random: Random, beforeStep: () => Promise<void>) {
    this.#held = held;
    this.#clock = clock;
    this.#random = random;
    this.#beforeStep = beforeStep;
  }

  /** Ends operations until `done`. Throws a `Violation` when that will never be. */
  async until(done: () => boolean, what: string): Promise<void> {
    for (let idle = 0; ; ) {
      await quiet();
      if (done()) return;
      if (this.#held.count === 0) {
        idle++;
        await roundTheLoop();
        if (idle > ROUNDS_MAX) throw new Violation(`${what} hangs: no operation of a disk is under way`);
        continue;
      }
      idle = 0;
      await this.#step();
    }
  }

  /** Ends `count` operations, or as many as there are. */
  async steps(count: number): Promise<void> {
    for (let left = count; left > 0; left--) {
      await quiet();
      if (this.#held.count === 0) return;
      await this.#step();
    }
  }

  /** Lets `seconds` go by, and everything that can get on in that time. */
  async rest(seconds: number): Promise<void> {
    for (let left = seconds; left > 0; left -= REST_SECONDS) {
      await this.#clock.advance(REST_SECONDS * 1000);
      // A few at a time: the guest may ask for something in the midst of what goes on in the background.
      await this.steps(this.#random.below(REST_STEPS));
      await roundTheLoop();
    }
  }

  /** Ends operations until `promise` settles, and settles like it. */
  async settle<T>(promise: Promise<T>, what: string): Promise<T> {
    let settled = false;
    const mark = (): void => {
      settled = true;
    };
    promise.then(mark, mark);
    await this.until(() => settled, what);
    return await promise;
  }

  async #step(): Promise<void> {
    await this.#beforeStep();
    this.#held.completeOne(this.#random);
    // Time passes in leaps: what happens in the background comes in between everything else.
    if (this.#random.chance(0.3)) await this.#clock.advance(this.#random.pick([100, 2000, 6000]));
  }
}

/** Settles like `promise`, which needs nothing but disks that answer at once; throws a `Violation` when it hangs. */
export async function atRest<T>(promise: Promise<T>, what: string): Promise<T> {
  let settled = false;
  const mark = (): void => {
    settled = true;
  };
  promise.then(mark, mark);
  for (let idle = 0; !settled; idle++) {
    await quiet();
    if (idle > 0) await roundTheLoop();
    if (idle > ROUNDS_MAX) throw new Violation(`${what} hangs`);
  }
  return await promise;
}
