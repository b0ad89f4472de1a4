#!/usr/bin/env node
// Owns the long random test of compaction: disks of 128 clusters in memory are written to and discarded at random, and
// compacted now and then. After each compaction the whole disk is compared with plain bytes, a check must find nothing,
// and the file must not be longer than before.
//
//   node scripts/compact-random.mjs [--seed N] [--seeds 100] [--steps 10000] [--jobs N]
//
// Each seed is one disk: cluster sizes from 512 bytes to 2 MiB in turn, with strict and lazy refcounts.
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { runSeed } from "./compact-random/run-seed.mjs";

if (isMainThread) await main();
else parentPort.on("message", (seed) => runSeed(seed, workerData.steps).then(answer(seed), fail(seed)));

function answer(seed) {
  return (result) => parentPort.postMessage({ seed, ...result });
}

function fail(seed) {
  return (error) => parentPort.postMessage({ seed, problem: error.stack ?? String(error) });
}

async function main() {
  const { values } = parseArgs({
    options: {
      seed: { type: "string", default: "1" },
      seeds: { type: "string", default: "100" },
      steps: { type: "string", default: "10000" },
      jobs: { type: "string", default: `${availableParallelism()}` },
    },
  });
  const [first, count, steps, jobs] = ["seed", "seeds", "steps", "jobs"].map((name) => Number(values[name]));
  const seeds = Array.from({ length: count }, (_, index) => first + index);
  const results = [];
  await Promise.all(
    Array.from({ length: Math.min(jobs, count) }, () =>
      worked(seeds, steps, (result) => results.push(tell(result))),
    ),
  );
  const failures = results.filter(({ problem }) => problem !== undefined);
  const sum = (pick) => results.reduce((total, result) => total + (pick(result) ?? 0), 0);
  console.log(
    `${results.length} seeds, ${sum((each) => each.steps)} steps, ${sum((each) => each.compactions)} compactions, ` +
      `${sum((each) => each.moved)} clusters moved; ${failures.length} FAILED`,
  );
  process.exitCode = failures.length > 0 || results.length === 0 ? 1 : 0;
}

/** One worker that takes seeds until there are none. */
function worked(seeds, steps, onResult) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { steps } });
    const next = () => {
      const seed = seeds.shift();
      if (seed !== undefined) worker.postMessage(seed);
      else void worker.terminate().then(resolve);
    };
    worker.on("message", (result) => {
      onResult(result);
      next();
    });
    worker.on("error", reject);
    next();
  });
}

function tell(result) {
  const { seed, clusterSize, refcounts, steps, compactions, saved, ms, problem } = result;
  if (problem !== undefined) console.log(`seed ${seed}: FAILED (--seed ${seed} --seeds 1): ${problem}`);
  else
    console.log(
      `seed ${seed}: ${clusterSize} bytes, ${refcounts}: ${steps} steps, ${compactions} compactions, ` +
        `${saved} clusters shorter in all, ${(ms / 1000).toFixed(1)} s`,
    );
  return result;
}
