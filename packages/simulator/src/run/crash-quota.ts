// When crashes come: spread over a run whose length is not known before. Owns how many are left, and the odds.

import type { Random } from "../random.js";

/** Steps of the disks that an operation is thought to take before any were counted. */
const STEPS_PER_OPERATION = 6;

export class CrashQuota {
  #left: number;
  readonly #wanted: number;
  readonly #operations: number;
  #operationsDone = 0;
  #steps = 0;

  /** `crashes` over about `operations` operations. */
  constructor(crashes: number, operations: number) {
    this.#wanted = crashes;
    this.#left = crashes;
    this.#operations = operations;
  }

  get left(): number {
    return this.#left;
  }

  get taken(): number {
    return this.#wanted - this.#left;
  }

  /** An operation begins. */
  operation(): void {
    this.#operationsDone++;
  }

  /** How many crashes come before the next step of the disks. */
  draw(random: Random): number {
    this.#steps++;
    if (this.#left === 0) return 0;
    const perOperation = (this.#steps + STEPS_PER_OPERATION) / (this.#operationsDone + 1);
    const operationsLeft = Math.max(1, this.#operations - this.#operationsDone);
    const due = this.#left / (operationsLeft * perOperation);
    const count = Math.min(this.#left, Math.floor(due) + (random.chance(due % 1) ? 1 : 0));
    this.#left -= count;
    return count;
  }
}
