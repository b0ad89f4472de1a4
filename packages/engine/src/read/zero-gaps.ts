// Fills what no host read will fill: everything that reads as zero.

import { RunKind, type RunList } from "../mapping/run-list.js";

/** Zeroes the parts of `target`, whose byte 0 is guest offset `base`, for the runs that hold no contents. */
export function zeroGaps(runs: RunList, target: Uint8Array, base: number): void {
  for (let index = 0; index < runs.count; index++) {
    const kind = runs.kind[index];
    if (kind === RunKind.data || kind === RunKind.compressed) continue;
    const start = (runs.start[index] as number) - base;
    target.fill(0, start, start + (runs.length[index] as number));
  }
}
