// The program behind `npm run simulate`. Owns what is printed, and the exit code: 0 when every promise was kept, 1 when
// one was broken, 2 for words that make no sense.

import { systemClock } from "@qcow/backend-node";
import { type Arguments, parseArguments, USAGE } from "./arguments.js";
import { runAll } from "./run-all.js";
import type { RunOutcome } from "./simulation.js";

async function main(): Promise<number> {
  let options: Arguments;
  try {
    options = parseArguments(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}\n`);
    return 2;
  }
  const startMs = systemClock.monotonicMs();
  let done = 0;
  const outcomes = await runAll(options, (outcome) => {
    done++;
    if (outcome.violation !== undefined)
      process.stderr.write(`violation in the run of seed ${outcome.seed}: ${outcome.violation}\n`);
    else if (done % 100 === 0) process.stderr.write(`${done} of ${options.runs} runs\n`);
  });
  const seconds = (systemClock.monotonicMs() - startMs) / 1000;
  process.stdout.write(`${summary(outcomes, seconds)}\n`);
  return outcomes.some(({ violation }) => violation !== undefined) ? 1 : 0;
}

function summary(outcomes: readonly RunOutcome[], seconds: number): string {
  const sum = (count: (outcome: RunOutcome) => number): number =>
    outcomes.reduce((total, outcome) => total + count(outcome), 0);
  const numbers = [
    `${outcomes.length} runs`,
    `${sum(({ operations }) => operations)} operations`,
    `${sum(({ crashes }) => crashes)} crash points`,
    `${sum(({ violation }) => (violation === undefined ? 0 : 1))} violations`,
    `${seconds.toFixed(1)} s`,
  ];
  return numbers.join(", ");
}

process.exitCode = await main();
