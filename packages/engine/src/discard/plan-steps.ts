// Cuts what an image stores into the steps in which it is looked at. Owns the grid: steps are whole clusters, so that a
// cluster of which only a part is stored is judged as a whole, and by one step.

import { type ExtentBatch, ExtentFlag } from "../extent.js";

/** A part of the guest's disk, in bytes, in each cluster of which the image itself stores something. */
export interface StoredStep {
  readonly start: number;
  readonly end: number;
}

export interface StepGrid {
  readonly clusterSize: number;
  /** Most bytes of a step; a multiple of `clusterSize`. */
  readonly stepBytes: number;
  readonly virtualSize: number;
}

/** Whether the image itself, and no backing file, has a place for an extent: for data, or for zeros that keep theirs. */
export function isStored(batch: ExtentBatch, index: number): boolean {
  if (batch.depth[index] !== 0) return false;
  return ((batch.flags[index] as number) & (ExtentFlag.data | ExtentFlag.hasOffset)) !== 0;
}

/** The steps that cover everything stored of `batches`, in the order of the disk; neighbours come together. */
export async function* planStoredSteps(
  batches: AsyncIterable<ExtentBatch>,
  { clusterSize, stepBytes, virtualSize }: StepGrid,
): AsyncGenerator<StoredStep, void, void> {
  let step = { start: 0, end: 0 };
  for await (const batch of batches) {
    for (let index = 0; index < batch.count; index++) {
      if (!isStored(batch, index)) continue;
      let at = batch.start[index] as number;
      const extentEnd = at + (batch.length[index] as number);
      while (at < extentEnd) {
        const cluster = at - (at % clusterSize);
        if (cluster > step.end || (cluster === step.end && cluster % stepBytes === 0)) {
          yield* cut(step, virtualSize);
          step = { start: cluster, end: cluster };
        }
        at = Math.min(extentEnd, at - (at % stepBytes) + stepBytes);
        step.end = Math.max(step.end, Math.ceil(at / clusterSize) * clusterSize);
      }
    }
  }
  yield* cut(step, virtualSize);
}

function* cut({ start, end }: StoredStep, virtualSize: number): Generator<StoredStep, void, void> {
  if (start < end) yield { start, end: Math.min(end, virtualSize) };
}
