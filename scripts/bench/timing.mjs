// Owns measuring: one run of a command, and interleaved pairs of two commands. Knows no job and no target.
import { spawn } from "node:child_process";
import { performance } from "node:perf_hooks";
import { metered } from "../corpus/metered.mjs";

const STDERR_BYTES = 4096;
/** What has not ended by then never will: qemu-img has been seen to wait for ever for a server that had answered. */
const TIME_LIMIT_MS = 600_000;

/** What Node.js is told of this machine, and costs each start of it some 30 ms, is no part of what is compared. */
const { NODE_EXTRA_CA_CERTS, NODE_OPTIONS, ...ENVIRONMENT } = process.env;

/** Wall time from spawn to exit in seconds, CPU and peak memory of one run. Rejects when the command fails or hangs. */
export function timedRun([file, ...args], { cwd, stdout }) {
  const meter = metered(file, args);
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const child = spawn(meter.file, meter.args, { cwd, env: ENVIRONMENT, stdio: ["ignore", stdout, "pipe"] });
    meter.started(child.pid);
    let stderr = "";
    child.stderr.on("data", (chunk) => {
      stderr = (stderr + chunk).slice(-STDERR_BYTES);
    });
    let wallS;
    const timer = setTimeout(() => {
      for (const pid of meter.programs(child.pid)) process.kill(pid, "SIGKILL");
    }, TIME_LIMIT_MS);
    child.on("exit", () => {
      clearTimeout(timer);
      wallS = (performance.now() - began) / 1000;
    });
    child.on("error", reject);
    child.on("close", (exit, signal) => {
      const cost = meter.cost();
      if (exit === 0) resolve({ wallS, ...cost });
      else reject(new Error(`${[file, ...args].join(" ")}: ${signal ?? `exit ${exit}`}: ${stderr.trim()}`));
    });
  });
}

/** `rounds` pairs A B A B …; the pairs share the machine's mood, so only ratios within a pair are meaningful. */
export async function interleaved(first, second, rounds, before) {
  const pairs = [];
  for (let round = 0; round < rounds; round++) {
    await before();
    const a = await first();
    if (second !== undefined) await before();
    pairs.push([a, await second?.()]);
  }
  return pairs;
}

/** Median, least and most of some numbers. */
export function spread(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, min: sorted[0], max: sorted.at(-1) };
}
