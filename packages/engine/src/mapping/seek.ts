// Finds the next place that holds something, or nothing, as lseek's SEEK_DATA and SEEK_HOLE do.

import { type ExtentBatch, ExtentFlag } from "../extent.js";

/** Whether an extent of these flags may hold something other than zeros. */
export function isMapped(flags: number): boolean {
  return (flags & ExtentFlag.data) !== 0;
}

/** The first offset at or after `start` whose extent is mapped (or not, as `mapped` says); `end` when there is none. */
export async function seekExtent(
  batches: AsyncIterable<ExtentBatch>,
  mapped: boolean,
  end: number,
): Promise<number> {
  for await (const batch of batches) {
    for (let index = 0; index < batch.count; index++) {
      if (isMapped(batch.flags[index] as number) === mapped) return batch.start[index] as number;
    }
  }
  return end;
}
