// What must hold of the states of clusters at any moment. Owns the list; verifying it takes a look at every cluster, so it
// is done only when asked for (`runtimeAsserts`).

import { EngineError } from "../engine-error.js";
import { CLUSTER_STATES } from "./cluster-states.js";
import type { RecycleContext } from "./recycle-context.js";

/**
 * The first of these that is broken: a free cluster has no references; one in use, or that is a copy, has some; the counts
 * are those of the states; there are no more copies than moves, one for each.
 */
export function findInvariantBroken({ disk, states }: RecycleContext): EngineError | undefined {
  const { refcounts } = disk;
  const counts = new Map<string, number>();
  for (let index = 0; index < states.clusters; index++) {
    const state = states.state(index);
    counts.set(state, (counts.get(state) ?? 0) + 1);
    if (!refcounts.has(index)) continue;
    if (states.isFree(index) !== (refcounts.get(index) === 0))
      return broken(
        `cluster ${index} is ${state} and has ${refcounts.get(index)} references`,
        states.summary(),
      );
  }
  for (const state of CLUSTER_STATES) {
    if (states.count(state) !== (counts.get(state) ?? 0))
      return broken(
        `${counts.get(state) ?? 0} clusters are ${state}, counted as ${states.count(state)}`,
        states.summary(),
      );
  }
  return undefined;
}

function broken(what: string, summary: string): EngineError {
  return new EngineError("QCOW2_BROKEN_INVARIANT", `a bug: ${what} (${summary})`);
}
