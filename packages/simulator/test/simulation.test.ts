import { describe, expect, test } from "vitest";
import { RUN_KINDS } from "../src/plan/run-plan.js";
import { type SimulationOptions, simulateRun } from "../src/simulation.js";

async function violations(options: SimulationOptions): Promise<string[]> {
  const found: string[] = [];
  let crashes = 0;
  for (let index = 0; index < options.runs; index++) {
    const outcome = await simulateRun(options, index);
    crashes += outcome.crashes;
    if (outcome.violation !== undefined) found.push(outcome.violation);
  }
  expect(crashes).toBe(options.crashes);
  return found;
}

describe("a small simulation", () => {
  test.each(RUN_KINDS)("keeps every promise in %s runs", { timeout: 300_000 }, async (only) => {
    expect(await violations({ seed: 100, runs: 12, crashes: 120, only })).toEqual([]);
  });

  test("goes the same way for the same seed", { timeout: 300_000 }, async () => {
    for (const seed of [1, 2, 3]) {
      const traces: string[][] = [[], []];
      for (const lines of traces) {
        const trace = (line: string) => void lines.push(line);
        await simulateRun({ seed, runs: 1, crashes: 10, trace }, 0);
      }
      expect(traces[0]).toEqual(traces[1]);
      expect(traces[0]?.length).toBeGreaterThan(20);
    }
  });
});
