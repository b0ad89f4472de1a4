// Telling an observer how an operation of the guest ended and how long it took. Owns the measuring; without somebody who
// listens there is none.

import type { IoOptions, TimeBackend } from "@qcow/block";
import type { GuestOperation, Observer } from "./observer.js";

export interface OperationReports {
  readonly observer?: Observer | undefined;
  readonly time?: TimeBackend | undefined;
}

/** Runs `job`, which is `operation` on a part of the disk; it counts as cancelled if the signal of `io` has aborted. */
export function reportOperation(
  { observer, time }: OperationReports,
  operation: GuestOperation,
  offset: number,
  length: number,
  { signal }: IoOptions,
  job: () => Promise<void>,
): Promise<void> {
  if (observer?.guestOperation === undefined) return job();
  const startMs = time?.monotonicMs();
  const report = (outcome: "done" | "failed" | "cancelled"): void => {
    const elapsedMs = elapsedSince(startMs, time);
    observer.guestOperation?.({ operation, offset, length, elapsedMs, outcome });
  };
  return job().then(
    () => report("done"),
    (error: unknown) => {
      report(signal?.aborted === true ? "cancelled" : "failed");
      throw error;
    },
  );
}

/** The same for a job that is done at once, or not at all: then it was none. Returns what `job` does. */
export function reportOperationNow(
  { observer, time }: OperationReports,
  operation: GuestOperation,
  offset: number,
  length: number,
  job: () => boolean,
): boolean {
  if (observer?.guestOperation === undefined) return job();
  const startMs = time?.monotonicMs();
  if (!job()) return false;
  const elapsedMs = elapsedSince(startMs, time);
  observer.guestOperation({ operation, offset, length, elapsedMs, outcome: "done" });
  return true;
}

function elapsedSince(startMs: number | undefined, time: TimeBackend | undefined): number | undefined {
  return time === undefined || startMs === undefined ? undefined : time.monotonicMs() - startMs;
}
