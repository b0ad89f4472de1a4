// A job that must be done within some time. Owns the one timer of it.

import type { TimeBackend } from "@qcow/block";
import { NbdProtocolError } from "../protocol/protocol-error.js";

/** Runs `job`; after `ms` milliseconds calls `giveUp`, which has to make the job end, and rejects `NBD_TOO_SLOW`. */
export async function withinTime<T>(
  time: TimeBackend,
  ms: number,
  giveUp: () => void,
  job: () => Promise<T>,
): Promise<T> {
  const done = new AbortController();
  let late = false;
  const timer = time.sleep(ms, { signal: done.signal }).then(
    () => {
      if (done.signal.aborted) return;
      late = true;
      giveUp();
    },
    () => undefined,
  );
  try {
    const result = await job();
    if (!late) return result;
  } catch (error) {
    if (!late) throw error;
  } finally {
    done.abort();
    await timer;
  }
  throw new NbdProtocolError("NBD_TOO_SLOW", `the client took more than ${ms} ms for the negotiation`);
}
