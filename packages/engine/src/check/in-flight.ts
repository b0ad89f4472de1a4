// Runs numbered jobs, several at once. Owns the bound; a failure stops the rest and waits for what runs.

const JOBS_IN_FLIGHT = 8;

/** Runs `job(0)` to `job(count - 1)`, in this order but overlapping. Rejects with the first failure, once nothing runs any more. */
export async function inFlight(count: number, job: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  let failed = false;
  const worker = async (): Promise<void> => {
    while (next < count && !failed) {
      try {
        await job(next++);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const results = await Promise.allSettled(Array.from({ length: Math.min(JOBS_IN_FLIGHT, count) }, worker));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
