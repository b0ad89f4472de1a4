// The command line of the simulator. Owns its options and their limits.

import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { MUTATIONS, type Mutation } from "./mutation.js";
import type { RunKind } from "./plan/operation.js";
import { RUN_KINDS } from "./plan/run-plan.js";
import type { SimulationOptions } from "./simulation.js";

export interface Arguments extends Omit<SimulationOptions, "trace"> {
  readonly workers: number;
  /** Whether every step is printed. */
  readonly trace: boolean;
}

export const USAGE = `usage: npm run simulate -- [options]
  --seed N        seed of the first run (1)
  --runs N        random workloads (200)
  --crashes N     crash points in all of them together (50 for each run)
  --only KIND     only runs of this kind: ${RUN_KINDS.join(", ")}
  --mutation M    breaks the crash rule on purpose: ${MUTATIONS.join(", ")}
  --workers N     threads (one for each processor); the results do not depend on it
  --trace         prints every step`;

/** Throws an `Error` for people when the words make no sense. */
export function parseArguments(words: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...words],
    options: {
      seed: { type: "string" },
      runs: { type: "string" },
      crashes: { type: "string" },
      only: { type: "string" },
      mutation: { type: "string" },
      workers: { type: "string" },
      trace: { type: "boolean" },
    },
  });
  const runs = whole("runs", values.runs ?? "200", 1);
  return {
    seed: whole("seed", values.seed ?? "1", 0),
    runs,
    crashes: whole("crashes", values.crashes ?? String(50 * runs), 0),
    only: oneOf<RunKind>("only", values.only, RUN_KINDS),
    mutation: oneOf<Mutation>("mutation", values.mutation, MUTATIONS),
    trace: values.trace ?? false,
    workers: Math.min(runs, whole("workers", values.workers ?? String(availableParallelism()), 1)),
  };
}

function whole(name: string, text: string, least: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value < 2 ** 32) return value;
  throw new Error(`--${name} takes a whole number from ${least} to 2^32 - 1, not ${text}`);
}

function oneOf<T extends string>(
  name: string,
  text: string | undefined,
  choices: readonly T[],
): T | undefined {
  if (text === undefined) return undefined;
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return found;
  throw new Error(`--${name} takes one of ${choices.join(", ")}, not ${text}`);
}
