// Lets signals and timers in between the steps of a loop. Owns the pause. Needed because a loop over
// what is known already (zeros, cached tables) may never wait for the host, and without waiting Node.js
// delivers no SIGINT and draws no progress bar.

import { setImmediate } from "node:timers/promises";

/** The items of `steps`, with a pause of one turn of the event loop before each but the first is asked for. */
export async function* interruptible<T>(steps: AsyncIterable<T>): AsyncGenerator<T, void, void> {
  for await (const step of steps) {
    yield step;
    await setImmediate();
  }
}
