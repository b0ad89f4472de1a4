#!/usr/bin/env node
// Owns the report what metrics cost: reads and writes of 4 KiB at random places of two like images, one with metrics and one
// without, in short turns of one process, so that both have the machine in the same mood. The registry is read each second, as
// Prometheus would. Counted is the processor's time for an operation, which others on the machine hardly change. They may cost 5 %.
//
//   node scripts/bench/metrics-overhead.mjs [--turns 40] [--ms 100] [--dir DIR]
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openWritable, systemClock } from "../../packages/backend-node/dist/index.js";
import { createImage, Qcow2Image } from "../../packages/engine/dist/index.js";
import { QcowMetrics } from "../../packages/metrics/dist/index.js";
import { spread } from "./timing.mjs";

const SIZE = 256 * 1024 * 1024;
const BYTES = 4096;
const COST_MAX = 0.05;
const JOBS = [
  { operation: "read", depth: 1 },
  { operation: "read", depth: 32 },
  { operation: "write", depth: 1 },
  { operation: "write", depth: 32 },
];

const { values } = parseArgs({
  options: {
    turns: { type: "string", default: "40" },
    ms: { type: "string", default: "100" },
    dir: { type: "string", default: tmpdir() },
  },
});
const folder = await mkdtemp(join(values.dir, "qcow-metrics-"));
try {
  const metrics = new QcowMetrics();
  const scrape = setInterval(() => metrics.text(), 1000);
  const off = await openNew("off.qcow2", undefined);
  const on = await openNew("on.qcow2", metrics);
  for (const job of JOBS) report(job, await measured(job, off.image, on.image));
  clearInterval(scrape);
  for (const { image, backend } of [off, on]) {
    await image.close();
    await backend.close();
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

function report({ operation, depth }, turns) {
  const cpu = spread(turns.map(({ on, off }) => on.cpuUs / off.cpuUs));
  const wall = spread(turns.map(({ on, off }) => on.wallUs / off.wallUs));
  const percent = (ratio) => `${((ratio - 1) * 100).toFixed(1)} %`;
  const us = spread(turns.map(({ off }) => off.cpuUs)).median.toFixed(1);
  console.log(
    `${operation} ${depth}: ${us} us of processor time without metrics, with them ${percent(cpu.median)} more ` +
      `(at most ${COST_MAX * 100} % wanted); by the wall clock ${percent(wall.median)}`,
  );
  if (cpu.median - 1 > COST_MAX) process.exitCode = 1;
}

/** Pairs of turns; who comes first changes. */
async function measured(job, off, on) {
  const ms = Number(values.ms);
  await turn(job, off, 3 * ms); // until the code is compiled
  await turn(job, on, 3 * ms);
  const turns = [];
  for (let index = 0; index < Number(values.turns); index++) {
    const [first, second] = index % 2 === 0 ? [off, on] : [on, off];
    const [a, b] = [await turn(job, first, ms), await turn(job, second, ms)];
    turns.push(index % 2 === 0 ? { off: a, on: b } : { off: b, on: a });
  }
  return turns;
}

/** Microseconds for an operation. */
async function turn({ operation, depth }, image, ms) {
  const before = process.cpuUsage();
  const began = performance.now();
  const clients = Array.from({ length: depth }, (_, seed) => client(image, operation, seed, began + ms));
  const done = (await Promise.all(clients)).reduce((sum, count) => sum + count);
  const { user, system } = process.cpuUsage(before);
  return { cpuUs: (user + system) / done, wallUs: ((performance.now() - began) * 1000) / done };
}

async function client(image, operation, seed, end) {
  const buffer = new Uint8Array(BYTES).fill(seed);
  let state = (seed + 1) * 2654435761;
  let done = 0;
  for (; performance.now() < end; done++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const offset = (state % (SIZE / BYTES)) * BYTES;
    await (operation === "read" ? image.read(offset, buffer) : image.write(offset, buffer));
  }
  return done;
}

/** A full image, open for writing. */
async function openNew(name, metrics) {
  const backend = await openWritable(join(folder, name), { create: true });
  await createImage(backend, { size: SIZE });
  const watch = metrics?.image(name);
  const image = await Qcow2Image.open(backend, { time: systemClock, observer: watch?.observer });
  watch?.opened(async () => ({
    virtualSize: image.virtualSize,
    fileSize: await backend.size(),
    recycling: image.recycling,
  }));
  const bytes = new Uint8Array(4 * 1024 * 1024).fill(7);
  for (let at = 0; at < SIZE; at += bytes.length) await image.write(at, bytes);
  await image.flush();
  return { image, backend };
}
