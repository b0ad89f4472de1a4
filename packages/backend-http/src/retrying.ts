// Trying again what may pass by itself. Owns how often and after what wait; which failures those are is
// decided where they are found.

import { BackendError } from "@qcow/block";
import { Transient } from "./http-error.js";
import type { Session } from "./session.js";

const DELAY_MS_MAX = 30_000;

/**
 * What `attempt` resolves with, tried as often as the settings say while it rejects with `Transient`. Rejects with the
 * last failure, or with the signal's reason.
 */
export async function retrying<T>(
  session: Session,
  signal: AbortSignal,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let failures = 0; ; ) {
    signal.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Transient)) throw error;
      failures = error.progressed ? 1 : failures + 1;
      if (failures >= session.settings.tries) throw givenUp(error.failure, failures);
      const delayMs = delayOf(session, failures, error.retryAfterMs);
      session.counters.retries += 1;
      session.report({ kind: "retry", failures, delayMs, error: error.message });
      await session.time.sleep(delayMs, { signal });
    }
  }
}

/** Half of the wait is fixed and half drawn, so that those who failed together do not come back together. */
function delayOf(session: Session, failures: number, retryAfterMs: number | undefined): number {
  const { settings } = session;
  const full = Math.min(settings.retryDelayMs * 2 ** (failures - 1), DELAY_MS_MAX);
  const drawn = Math.round((full * (1 + settings.random())) / 2);
  return Math.max(drawn, Math.min(retryAfterMs ?? 0, settings.retryAfterMsMax));
}

function givenUp(failure: BackendError, failures: number): BackendError {
  if (failures === 1) return failure;
  const { code, message, label, cause } = failure;
  return new BackendError(code, `${message}; tried ${failures} times`, { label, cause });
}
