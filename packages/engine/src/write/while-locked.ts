// Steps of a generator that look at tables, while others change them. Owns that no table goes away in the midst of a step.

import type { RangeLocks } from "./range-locks.js";

/** The values of `steps`; while each of them is made, nobody changes an entry, and no place that is looked at is given up. */
export async function* whileLocked<T>(
  steps: AsyncGenerator<T, void, void>,
  locks: RangeLocks,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void, void> {
  try {
    for (;;) {
      const unlock = await locks.lock(0, Number.MAX_SAFE_INTEGER, false, signal);
      const step = await steps.next().finally(unlock);
      if (step.done === true) return;
      yield step.value;
    }
  } finally {
    await steps.return();
  }
}
