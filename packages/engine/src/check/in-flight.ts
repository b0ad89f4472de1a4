// Runs numbered jobs, several at once. Owns the bound; a failure stops the rest and waits for what runs.

/** Enough for a server that takes long to answer; a file is served well by fewer, and no worse by these. */
const JOBS_IN_FLIGHT = 16;

/**
 * Runs `job(0, …)` to `job(count - 1, …)`, in this order but overlapping. At most `most`, sixteen unless it is less, run
 * at a time; `slot` is a number from 0 to 15 that no job that runs at the same time has, for buffers to be used again.
 * Rejects with the first failure, once nothing runs any more.
 */
export async function inFlight(
  count: number,
  job: (index: number, slot: number) => Promise<void>,
  most = JOBS_IN_FLIGHT,
): Promise<void> {
  let next = 0;
  let failed = false;
  const worker = async (_: unknown, slot: number): Promise<void> => {
    while (next < count && !failed) {
      try {
        await job(next++, slot);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const results = await Promise.allSettled(
    Array.from({ length: Math.min(most, JOBS_IN_FLIGHT, count) }, worker),
  );
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
