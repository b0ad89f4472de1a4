// A thread that executes runs: it asks for one after the other by answering. Owns nothing but that.

import { writeSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import type { Arguments } from "./arguments.js";
import { simulateRun } from "./simulation.js";

const { trace, ...rest } = workerData as Arguments;
const options = trace ? { ...rest, trace: printLine } : rest;

parentPort?.on("message", (index: number) => {
  simulateRun(options, index).then(
    (outcome) => parentPort?.postMessage({ outcome }),
    (error: unknown) => parentPort?.postMessage({ error }),
  );
});

// At once, so that the steps stand before what they lead to.
function printLine(line: string): void {
  writeSync(2, `${line}\n`);
}
