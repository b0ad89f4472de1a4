#!/usr/bin/env node
// Owns the kill test: commands that change images on a real disk are ended by SIGINT, SIGTERM or SIGKILL at random
// moments, and what is left is judged each time.
//
//   node scripts/kill.mjs [--times N] [--seed S] [--only encode,write,discard,repair,compact,compact-half] [--jobs N]
//
// The seed draws images, options, signals and moments; where exactly a signal lands is the machine's business.
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { hasTool } from "./bench/tool.mjs";
import { inOrder } from "./corpus/pool.mjs";
import { prepareHalfDisk } from "./kill/half-disk.mjs";
import { killOnce } from "./kill/kill-once.mjs";
import { makeDisk, preparations } from "./kill/scenarios.mjs";
import { Random } from "./oracle/random.mjs";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGKILL"];

const { values } = parseArgs({
  options: {
    times: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    only: { type: "string", default: "" },
    jobs: { type: "string", default: `${availableParallelism()}` },
  },
});

if (!hasTool("qemu-img") || process.platform === "win32") {
  console.log("SKIPPED: this needs qemu-img, and signals");
  process.exit(process.env.QCOW_REQUIRE_TOOLS ? 1 : 0);
}

const scenarios = { ...preparations, "compact-half": prepareHalfDisk };
const only = values.only.split(",").filter(Boolean);
const commands = Object.keys(scenarios).filter((command) => only.length === 0 || only.includes(command));
const folder = await mkdtemp(join(tmpdir(), "qcow-kill-"));
try {
  const random = new Random(Number(values.seed));
  const disk = await makeDisk(folder, random);
  const images = {};
  for (const command of commands) images[command] = await scenarios[command](disk, random);
  const runs = plan(images, random);
  report(await inOrder(runs, Number(values.jobs), (one) => killOnce(one, folder), tell));
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** Each command and signal as often as the others, with the images of the command in turn. */
function plan(images, random) {
  return Array.from({ length: Number(values.times) }, (_, index) => {
    const command = commands[index % commands.length];
    const round = Math.floor(index / commands.length);
    const choices = images[command];
    return {
      index,
      command,
      ...choices[Math.floor(round / SIGNALS.length) % choices.length],
      signal: SIGNALS[round % SIGNALS.length],
      // Some land before the work has begun.
      early: random.oneIn(6),
      moment: random.below(1000) / 1000,
    };
  });
}

function tell({ index, command, name, signal, problem }) {
  if (problem !== undefined) console.log(`FAILED ${index}: ${command} ${name}, ${signal}: ${problem}`);
}

function report(results) {
  for (const command of new Set(results.map((one) => one.command))) {
    const mine = results.filter((one) => one.command === command);
    const counts = new Map();
    for (const { signal, left } of mine) {
      const line = `${signal}: ${left}`;
      counts.set(line, (counts.get(line) ?? 0) + 1);
    }
    console.log(`${command}: ${mine.length} times`);
    for (const [line, count] of [...counts].sort()) console.log(`  ${String(count).padStart(4)}  ${line}`);
  }
  const ended = results.filter(({ landed }) => landed).length;
  const failures = results.filter(({ problem }) => problem !== undefined).length;
  console.log(`${results.length} runs, ${ended} ended by the signal; ${failures} FAILED`);
  process.exitCode = failures > 0 || results.length === 0 ? 1 : 0;
}
