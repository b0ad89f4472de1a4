// Lets signals and timers in between the steps of a loop. Owns the pauses. Needed because a loop over
// what is known already (zeros, cached tables) may never wait for the host, and without waiting Node.js
// delivers no SIGINT and draws no progress bar.

import type { TimeBackend } from "@qcow/block";

/** Often enough for people, seldom enough to cost nothing. */
const PAUSE_EVERY_MS = 50;

/** The items of `steps`, with a short pause between two of them whenever 50 ms have passed since the last one. */
export async function* interruptible<T>(
  steps: AsyncIterable<T>,
  clock?: TimeBackend,
): AsyncGenerator<T, void, void> {
  const time = clock ?? (await import("@qcow/backend-node")).systemClock;
  let pauseAtMs = time.monotonicMs() + PAUSE_EVERY_MS;
  for await (const step of steps) {
    yield step;
    if (time.monotonicMs() < pauseAtMs) continue;
    // Not 0: only a real timer lets the event loop turn.
    await time.sleep(1);
    pauseAtMs = time.monotonicMs() + PAUSE_EVERY_MS;
  }
}
