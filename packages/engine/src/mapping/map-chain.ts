// Follows what a layer does not have into the layer below it. The result names for each run the layer
// that answers. Iterative over depth, bounded in runs; owns no I/O of its own.

import type { IoOptions } from "@qcow/block";
import type { Layer, MapRequest } from "../layers/layer.js";
import { RunKind, RunList } from "./run-list.js";

/** Most runs of one mapping step. */
export const RUNS_MAX_DEFAULT = 16_384;

/** Runs of a part of the disk; `end` is the guest offset reached. */
export interface ChainMapping {
  readonly runs: RunList;
  readonly end: number;
}

/** Maps `[start, end)` of the top layer through all `layers`; may stop early, after about `runsMax` runs. */
export async function mapChain(
  layers: readonly Layer[],
  start: number,
  end: number,
  runsMax = RUNS_MAX_DEFAULT,
  options: IoOptions = {},
): Promise<ChainMapping> {
  let runs = new RunList();
  const top = layers[0] as Layer;
  let reached = await top.map(runs, { start, end, depth: 0, runsMax }, options);
  for (let depth = 1; depth < layers.length && hasGaps(runs, depth - 1); depth++) {
    const resolved = await mapGaps(runs, layers[depth] as Layer, depth, runsMax, options);
    runs = resolved.runs;
    reached = Math.min(reached, resolved.end);
  }
  return { runs, end: reached };
}

function isGap(runs: RunList, index: number, depth: number): boolean {
  const kind = runs.kind[index];
  return (
    runs.depth[index] === depth && (kind === RunKind.unallocated || kind === RunKind.unallocatedReserved)
  );
}

function hasGaps(runs: RunList, depth: number): boolean {
  for (let index = 0; index < runs.count; index++) if (isGap(runs, index, depth)) return true;
  return false;
}

// What lies past the end of `below` stays as it is: it reads as zero, and the layer above answers for it.
async function mapGaps(
  above: RunList,
  below: Layer,
  depth: number,
  runsMax: number,
  options: IoOptions,
): Promise<ChainMapping> {
  const runs = new RunList(Math.max(64, above.count));
  for (let index = 0; index < above.count; index++) {
    const start = above.start[index] as number;
    const length = above.length[index] as number;
    if (!isGap(above, index, depth - 1)) {
      copyRun(above, index, start, length, runs);
      continue;
    }
    if (runs.count >= runsMax && index > 0) break;
    const end = start + length;
    const belowEnd = Math.min(end, below.virtualSize);
    if (start < belowEnd) {
      const reached = await mapAll(runs, below, { start, end: belowEnd, depth, runsMax }, options);
      if (reached < belowEnd) break;
    }
    const rest = Math.max(start, belowEnd);
    if (rest < end) copyRun(above, index, rest, end - rest, runs);
  }
  return { runs, end: runs.end(0) };
}

// Until all is mapped, or `runs` has as many runs as `request` allows in all.
async function mapAll(runs: RunList, layer: Layer, request: MapRequest, options: IoOptions): Promise<number> {
  const { start, end, depth, runsMax } = request;
  let at = start;
  do {
    const rest = { start: at, end, depth, runsMax: Math.max(1, runsMax - runs.count) };
    at = await layer.map(runs, rest, options);
  } while (at < end && runs.count < runsMax);
  return at;
}

function copyRun(from: RunList, index: number, start: number, length: number, to: RunList): void {
  const host = from.host[index] as number;
  const shift = from.kind[index] === RunKind.compressed ? 0 : start - (from.start[index] as number);
  to.push(
    start,
    length,
    from.kind[index] as number,
    host + shift,
    from.extra[index] as number,
    from.depth[index] as number,
  );
}
