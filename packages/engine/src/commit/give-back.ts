// Gives clusters back that nothing durable references any more: to the host where it can take them, then to the
// allocator. In this order: a hole that is punched late would take the new owner's data with it.

import { type BlockBackend, isBackendError } from "@qcow/block";
import type { Allocator } from "../allocate/allocator.js";
import type { ClusterRuns } from "../allocate/cluster-runs.js";
import type { Frees } from "../allocate/pending-frees.js";

/**
 * Runs that become holes at once. One after the other, each would queue behind all that the guest has under way, and a busy
 * guest would give up more than is taken from it: the file would grow and grow.
 */
const RUNS_IN_FLIGHT = 16;

/**
 * Takes a reference from each cluster of `frees`. `onFree` is told of clusters that have none left, before anybody can
 * get them; where `host` is given, discarded ones become holes in it first.
 */
export async function giveBack(
  allocator: Allocator,
  { discarded, replaced }: Frees,
  onFree: (first: number, count: number) => void,
  host: BlockBackend | undefined,
): Promise<void> {
  const { clusterSize } = allocator;
  const punch = async (first: number, count: number): Promise<void> => {
    onFree(first, count);
    try {
      await host?.discard?.(first * clusterSize, count * clusterSize);
    } catch (error) {
      // Space that stays taken on the host is no reason to keep the cluster from being used again.
      if (!isBackendError(error)) throw error;
    }
  };
  const forget = (first: number, count: number): undefined => {
    onFree(first, count);
    return undefined;
  };
  await eachRun(discarded, (first, count) => allocator.drop(first, count, punch));
  for (let run = 0; run < replaced.length; run++) {
    await allocator.drop(replaced.first(run), replaced.count(run), forget);
  }
}

/** Calls `job` for each of `runs`, some at a time. After a failure no more are begun, and those under way are waited for. */
async function eachRun(
  runs: ClusterRuns,
  job: (first: number, count: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    try {
      while (next < runs.length) {
        const run = next++;
        await job(runs.first(run), runs.count(run));
      }
    } catch (error) {
      next = runs.length;
      throw error;
    }
  };
  const workers = Array.from({ length: Math.min(RUNS_IN_FLIGHT, runs.length) }, worker);
  for (const result of await Promise.allSettled(workers))
    if (result.status === "rejected") throw result.reason;
}
