// Gives clusters back that nothing durable references any more: to the host where it can take them, then to the
// allocator. In this order: a hole that is punched late would take the new owner's data with it.

import { type BlockBackend, isBackendError } from "@qcow/block";
import type { Allocator } from "../allocate/allocator.js";
import type { Frees } from "../allocate/pending-frees.js";

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
  for (let run = 0; run < discarded.length; run++) {
    await allocator.drop(discarded.first(run), discarded.count(run), punch);
  }
  for (let run = 0; run < replaced.length; run++) {
    await allocator.drop(replaced.first(run), replaced.count(run), forget);
  }
}
