#!/usr/bin/env node
// Owns the report what metrics cost: fio reads and writes 4 KiB at random places of two like disks, one served with metrics and one
// without, in turns, so that both have the machine in the same mood. The metrics are fetched each second, as Prometheus would.
// Judged is the servers' processor time for an operation, which others on the machine change least; metrics may cost 5 %.
//
// On a machine that others use, first see with --control, where neither has metrics, what differs by chance.
//
//   node scripts/bench/metrics-overhead.mjs [--turns 9] [--seconds 2] [--dir DIR] [--only read|write] [--control]
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { freePorts } from "../http/free-ports.mjs";
import { makeDataFolder } from "../metrics/data-folder.mjs";
import { fio, totals } from "../nbd/fio.mjs";
import { startServing } from "../nbd/serving.mjs";
import { spread } from "./timing.mjs";
import { run } from "./tool.mjs";

const PROGRAM = fileURLToPath(new URL("../../packages/cli/bin/run.js", import.meta.url));
const DISK_BYTES = 256 * 1024 * 1024;
const COST_MAX = 0.05;
const JOBS = [
  { direction: "read", depth: 1 },
  { direction: "read", depth: 32 },
  { direction: "write", depth: 1 },
  { direction: "write", depth: 32 },
];

const { values } = parseArgs({
  options: {
    turns: { type: "string", default: "9" },
    seconds: { type: "string", default: "2" },
    dir: { type: "string", default: tmpdir() },
    only: { type: "string" },
    control: { type: "boolean", default: false },
  },
});
const folder = await mkdtemp(join(values.dir, "qcow-metrics-"));
const servings = [];
try {
  process.env.QCOW_DATA_DIR = await makeDataFolder(folder);
  const [port] = await freePorts(1);
  const off = await serve("off.qcow2");
  const on = await serve("on.qcow2", ...(values.control ? [] : [`--metrics-port=${port}`]));
  const scrape = setInterval(() => fetch(`http://127.0.0.1:${port}/metrics`).catch(() => undefined), 1000);
  const jobs = JOBS.filter(({ direction }) => values.only === undefined || direction === values.only);
  for (const job of jobs) report(job, await measured(job, off, on));
  clearInterval(scrape);
} finally {
  for (const serving of servings) await serving.stop();
  await rm(folder, { recursive: true, force: true });
}

/** A full disk, served for writing. */
async function serve(name, ...flags) {
  const image = join(folder, name);
  execFileSync(process.execPath, [PROGRAM, "create", image, String(DISK_BYTES), "--quiet"]);
  const serving = await startServing([image, "--rw", "--quiet", "--port=0", ...flags]);
  servings.push(serving);
  await run("qemu-io", ["-f", "raw", "-c", `write -P 7 0 ${DISK_BYTES}`, "-c", "flush", serving.uri]);
  return serving;
}

/** Pairs of turns; who comes first changes. */
async function measured(job, off, on) {
  await turn(job, off); // until the code is compiled
  await turn(job, on);
  const turns = [];
  for (let index = 0; index < Number(values.turns); index++) {
    const pair = {};
    for (const side of index % 2 === 0 ? ["off", "on"] : ["on", "off"])
      pair[side] = await turn(job, side === "on" ? on : off);
    turns.push(pair);
  }
  return turns;
}

async function turn({ direction, depth }, serving) {
  const seconds = Number(values.seconds);
  const before = await serving.cpuSeconds();
  const jobs = await fio(
    ["--name=turn", "--ioengine=nbd", `--uri=${serving.uri}`, `--rw=rand${direction}`, "--bs=4k"].concat(
      `--iodepth=${depth}`,
      `--size=${DISK_BYTES}`,
      "--io_size=1t",
      "--time_based",
      `--runtime=${seconds}`,
    ),
    { cwd: folder, seconds },
  );
  const { operations } = totals(jobs, direction);
  return { operations, cpuSeconds: (await serving.cpuSeconds()) - before };
}

function report({ direction, depth }, turns) {
  const sum = (side, of) => turns.reduce((total, pair) => total + pair[side][of], 0);
  const cpuUs = (side) => (sum(side, "cpuSeconds") / sum(side, "operations")) * 1e6;
  const cost = cpuUs("on") / cpuUs("off") - 1;
  const rate = spread(turns.map(({ on, off }) => on.operations / off.operations));
  const percent = (part) => `${(part * 100).toFixed(1)} %`;
  console.log(
    `${direction}, depth ${depth}: ${cpuUs("off").toFixed(1)} us of processor time without metrics, ${cpuUs("on").toFixed(1)} us with ` +
      `them: ${percent(cost)} more (at most ${percent(COST_MAX)} wanted); of the rate ${percent(rate.median)} are left`,
  );
  if (cost > COST_MAX) process.exitCode = 1;
}
