// Decides in tests when the operations of a disk take effect: held back until a test says so, or in a random order.
// Both are the `hold` of a CrashingBackend.

import type { HeldOperation } from "@qcow/backend-memory";
import type { Random } from "../random.js";

/** Gives everything that can go on without a disk the time to do so. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Holds operations of chosen kinds back. */
export class Gate {
  readonly #shut = new Set<HeldOperation["kind"]>();
  #waiting: { readonly operation: HeldOperation; readonly open: () => void }[] = [];

  readonly hold = async (operation: HeldOperation): Promise<void> => {
    if (!this.#shut.has(operation.kind)) return;
    await new Promise<void>((open) => this.#waiting.push({ operation, open }));
  };

  /** Operations that wait. */
  get waiting(): readonly HeldOperation[] {
    return this.#waiting.map(({ operation }) => operation);
  }

  /** From now on operations of these kinds wait. */
  shut(...kinds: HeldOperation["kind"][]): void {
    for (const kind of kinds) this.#shut.add(kind);
  }

  /** No operation waits any more. */
  open(): void {
    this.#shut.clear();
    this.pass();
  }

  /** Those that wait go on; later ones wait. */
  pass(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { open } of waiting) open();
  }
}

/** Lets operations take effect one at a time, whichever the seed picks of those under way. */
export class Shuffle {
  readonly #random: Random;
  readonly #waiting: (() => void)[] = [];
  #running = false;

  constructor(random: Random) {
    this.#random = random;
  }

  readonly hold = async (): Promise<void> => {
    await new Promise<void>((go) => {
      this.#waiting.push(go);
      if (!this.#running) void this.#run();
    });
  };

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      // A few turns, so that others can join those that wait.
      for (let turns = this.#random.below(3); turns >= 0; turns--)
        await new Promise((resolve) => setImmediate(resolve));
      const [go] = this.#waiting.splice(this.#random.below(this.#waiting.length), 1);
      go?.();
    }
    this.#running = false;
  }
}
