import { describe, expect, test } from "vitest";
import { MUTATIONS, type Mutation } from "../src/mutation.js";
import type { RunKind } from "../src/plan/operation.js";
import { simulateRun } from "../src/simulation.js";

/** The kind of run that shows it. */
const SHOWN_BY = {
  "no-edge-before-l2": "plain",
  "reuse-at-once": "plain",
  "source-before-pointer": "recycle",
  "cut-before-flush": "recycle",
} as const satisfies Record<Mutation, RunKind>;

describe.each(MUTATIONS)("the mutation %s", (mutation) => {
  test("is found within 1,000 crash points", { timeout: 600_000 }, async () => {
    const options = { seed: 1, runs: 50, crashes: 1000, only: SHOWN_BY[mutation], mutation } as const;
    let crashes = 0;
    for (let index = 0; index < options.runs; index++) {
      const outcome = await simulateRun(options, index);
      crashes += outcome.crashes;
      if (outcome.violation === undefined) continue;
      expect(outcome.violation).toContain(
        `--seed ${outcome.seed} --runs 1 --crashes 20 --only ${options.only}`,
      );
      expect(crashes).toBeLessThanOrEqual(1000);
      return;
    }
    expect.fail(`nothing was found in ${crashes} crash points`);
  });
});
