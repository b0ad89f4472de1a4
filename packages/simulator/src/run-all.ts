// Spreads the runs of a simulation over threads. Owns who gets the next run; what a run gives does not depend on that.

import { Worker } from "node:worker_threads";
import type { Arguments } from "./arguments.js";
import type { RunOutcome } from "./simulation.js";

/** Runs that break a promise before no more are begun. */
const VIOLATIONS_MAX = 10;

type Answer = { readonly outcome: RunOutcome } | { readonly error: unknown };

/** Outcomes in the order of their seeds; of all runs, unless too many break a promise. */
export async function runAll(
  options: Arguments,
  onOutcome: (outcome: RunOutcome) => void,
): Promise<RunOutcome[]> {
  const outcomes: RunOutcome[] = [];
  let next = 0;
  let violations = 0;
  const work = async (): Promise<void> => {
    const worker = new Worker(new URL("./worker.js", import.meta.url), { workerData: options });
    try {
      while (next < options.runs && violations < VIOLATIONS_MAX) {
        const outcome = await ask(worker, next++);
        if (outcome.violation !== undefined) violations++;
        outcomes.push(outcome);
        onOutcome(outcome);
      }
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: options.workers }, work));
  return outcomes.sort((a, b) => a.seed - b.seed);
}

function ask(worker: Worker, index: number): Promise<RunOutcome> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      worker.off("message", answer);
      worker.off("error", fail);
    };
    const answer = (message: Answer): void => {
      end();
      if ("outcome" in message) resolve(message.outcome);
      else reject(message.error);
    };
    const fail = (error: Error): void => {
      end();
      reject(error);
    };
    worker.on("message", answer);
    worker.on("error", fail);
    worker.postMessage(index);
  });
}
