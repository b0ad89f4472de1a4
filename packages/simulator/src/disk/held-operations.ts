// The operations of all disks of a run that are under way. Owns the order in which they end: whoever drives the run
// ends one after the other, as its random numbers say. No time is involved.

import type { HeldOperation } from "@qcow/backend-memory";
import type { Random } from "../random.js";

export class HeldOperations {
  readonly #resolvers: (() => void)[] = [];

  /** For `CrashingBackendOptions.hold`. */
  readonly hold = (_operation: HeldOperation): Promise<void> =>
    new Promise((resolve) => {
      this.#resolvers.push(resolve);
    });

  get count(): number {
    return this.#resolvers.length;
  }

  /** Ends one of them, if there is one. */
  completeOne(random: Random): void {
    if (this.#resolvers.length === 0) return;
    const [resolve] = this.#resolvers.splice(random.below(this.#resolvers.length), 1);
    resolve?.();
  }
}
