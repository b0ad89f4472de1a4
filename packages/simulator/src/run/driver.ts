// Drives what is under way: lets the program run until it waits for a disk, then ends one operation of a disk. Owns the
// stepping, and noticing that somebody waits for nothing.

import type { HeldOperations } from "../disk/held-operations.js";
import { quiet } from "../disk/quiet.js";
import type { Random } from "../random.js";
import { Violation } from "../violation.js";

/** Rounds of the event loop before a program that waits for no disk is said to hang: pure computing may take turns. */
const ROUNDS_MAX = 50;

export class Driver {
  readonly #held: HeldOperations;
  readonly #random: Random;
  readonly #beforeStep: () => Promise<void>;

  /** `beforeStep` is awaited before each operation ends, while nothing moves. */
  constructor(held: HeldOperations, random: Random, beforeStep: () => Promise<void>) {
    this.#held = held;
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
    if (idle > ROUNDS_MAX) throw new Violation(`${what} hangs`);
  }
  return await promise;
}
