// A simulation: many runs, each of which depends on its own seed alone. Owns how seeds and crashes are dealt out, and
// the command that replays a run.

import type { Mutation } from "./mutation.js";
import type { RunKind } from "./plan/operation.js";
import { planRun } from "./plan/run-plan.js";
import { describeShape } from "./plan/shape.js";
import { executeRun } from "./run/execute-run.js";
import { describeError, Violation } from "./violation.js";

export interface SimulationOptions {
  /** Seed of the first run; the others follow it. */
  readonly seed: number;
  readonly runs: number;
  /** Crash points in all of them together. */
  readonly crashes: number;
  readonly only?: RunKind | undefined;
  readonly mutation?: Mutation | undefined;
  /** Told each step of each run, line by line. */
  readonly trace?: ((line: string) => void) | undefined;
}

export interface RunOutcome {
  readonly seed: number;
  readonly crashes: number;
  readonly operations: number;
  /** What was broken, in which run, and how to see it again; absent when nothing was. */
  readonly violation?: string | undefined;
}

/** Executes the run of this index, from 0. Rejects only for a bug of the simulator's own. */
export async function simulateRun(options: SimulationOptions, index: number): Promise<RunOutcome> {
  const seed = options.seed + index;
  const plan = planRun(seed, crashesOf(options, index), options.only);
  try {
    return { seed, ...(await executeRun(plan, options.mutation, options.trace)) };
  } catch (error) {
    const what = error instanceof Violation ? error.message : `unexpected: ${describeError(error)}`;
    const where = `a ${plan.kind} run, ${describeShape(plan.shape)}`;
    const violation = `${what}\n  in ${where}\n  replay: ${replayCommand(options, seed, plan.crashes)}`;
    return { seed, crashes: plan.crashes, operations: plan.operations.length, violation };
  }
}

/** Crash points of one run: they are dealt out evenly. */
function crashesOf({ runs, crashes }: SimulationOptions, index: number): number {
  return Math.floor(crashes / runs) + (index < crashes % runs ? 1 : 0);
}

function replayCommand({ only, mutation }: SimulationOptions, seed: number, crashes: number): string {
  const words = [`npm run simulate -- --seed ${seed} --runs 1 --crashes ${crashes}`];
  if (only !== undefined) words.push(`--only ${only}`);
  if (mutation !== undefined) words.push(`--mutation ${mutation}`);
  return words.join(" ");
}
