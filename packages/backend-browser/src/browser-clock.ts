// The clock of a page or a worker. Owns long sleeps, which one timer of the host cannot do.

import { BackendError, type IoOptions, type TimeBackend } from "@qcow/block";

/** The longest a single timer can wait; asked for more, it fires at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** The clock of this page. Browsers let timers of pages in the background fire late, by a minute or more. */
export function browserClock(): TimeBackend {
  return { monotonicMs: () => performance.now(), wallMs: () => Date.now(), sleep };
}

async function sleep(ms: number, options?: IoOptions): Promise<void> {
  if (!(ms >= 0)) throw new BackendError("BACKEND_BAD_RANGE", `cannot sleep for ${String(ms)} ms`);
  options?.signal?.throwIfAborted();
  const deadlineMs = performance.now() + ms;
  // Clocks of browsers are coarse on purpose, and timers may fire early: sleep until the time has really come.
  for (let leftMs = ms; leftMs > 0; leftMs = deadlineMs - performance.now()) {
    await timer(Math.min(Math.ceil(leftMs), TIMER_MS_MAX), options?.signal);
  }
}

function timer(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(handle);
      reject(signal?.reason);
    };
    const handle = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", abort, { once: true });
  });
}
