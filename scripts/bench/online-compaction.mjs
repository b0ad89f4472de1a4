#!/usr/bin/env node
// Owns the report what compaction costs those who use an image meanwhile: four clients read and write 4 KiB at random
// places, first with nothing in the background, then while clusters move. It is to leave them 70 % of their rate.
//
//   node scripts/bench/online-compaction.mjs [--size MIB] [--seconds S] [--dir DIR]
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openWritable, systemClock } from "../../packages/backend-node/dist/index.js";
import { createImage, defaultImageConfig, Qcow2Image } from "../../packages/engine/dist/index.js";

const CLUSTER = 65536;
const MIB = 1024 * 1024;
const CLIENTS = 4;
const BYTES = 4096;
const SHARE_MIN = 0.7;

const { values } = parseArgs({
  options: {
    size: { type: "string", default: "4096" },
    seconds: { type: "string", default: "5" },
    dir: { type: "string", default: tmpdir() },
  },
});
const folder = await mkdtemp(join(values.dir, "qcow-online-"));
const size = Number(values.size) * MIB;
try {
  const alone = await measured("alone", undefined, Number(values.seconds));
  const busy = await measured("while clusters move", impatient(), Number(values.seconds));
  const share = busy.rate / alone.rate;
  console.log(`${(share * 100).toFixed(0)} % of the rate is left (at least ${SHARE_MIN * 100} wanted)`);
  if (share < SHARE_MIN) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** A clock on which nobody waits for discards to settle. */
function impatient() {
  return { ...systemClock, sleep: (ms, options) => systemClock.sleep(Math.min(ms, 20), options) };
}

/** Operations per second, and how long the slowest of a hundred takes, until the time is over or all has moved. */
async function measured(what, time, seconds) {
  const path = join(folder, "disk.qcow2");
  const backend = await openWritable(path, { create: true, truncate: true });
  await createImage(backend, { size, clusterSize: CLUSTER });
  await fill(backend);
  const config = {
    ...defaultImageConfig(),
    discard: true,
    checkOnConnect: false,
    compactAfterBytes: 64 * CLUSTER,
  };
  const image = await Qcow2Image.open(backend, time === undefined ? {} : { time, config });
  if (time !== undefined) await discardHalf(image);
  const before = await backend.size();
  const end = performance.now() + seconds * 1000;
  const latencies = [];
  const start = performance.now();
  const stop = () =>
    performance.now() > end || (time !== undefined && image.recycling.fileSize < before * 0.6);
  await Promise.all(Array.from({ length: CLIENTS }, (_, seed) => client(image, seed + 1, stop, latencies)));
  const elapsed = (performance.now() - start) / 1000;
  const moved = time === undefined ? 0 : image.recycling.referencedTotal / MIB;
  latencies.sort((a, b) => a - b);
  const p99 = latencies[Math.floor(latencies.length * 0.99)];
  const rate = latencies.length / elapsed;
  console.log(
    `${what}: ${rate.toFixed(0)} operations/s, p99 ${p99.toFixed(2)} ms, in ${elapsed.toFixed(1)} s; ${moved.toFixed(0)} MiB moved`,
  );
  await image.close();
  await backend.close();
  return { rate, p99 };
}

async function fill(backend) {
  const image = await Qcow2Image.open(backend);
  const bytes = new Uint8Array(4 * MIB).fill(7);
  for (let at = 0; at < size; at += bytes.length) await image.write(at, bytes);
  await image.close();
}

/** Every second cluster of the first half of each: what is left is torn, and what moves is at the end. */
async function discardHalf(image) {
  for (let at = 0; at < size; at += 2 * CLUSTER) await image.discard(at, CLUSTER);
  await image.flush();
}

/** Half reads, half writes in place, on clusters that were not discarded. */
async function client(image, seed, stop, latencies) {
  const buffer = new Uint8Array(BYTES).fill(seed);
  let state = seed * 2654435761;
  while (!stop()) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const cluster = 1 + 2 * (state % (size / (2 * CLUSTER)));
    const offset = cluster * CLUSTER + ((state >>> 20) % (CLUSTER / BYTES)) * BYTES;
    const began = performance.now();
    if ((state & 0x10000) === 0) await image.read(offset, buffer);
    else await image.write(offset, buffer);
    latencies.push(performance.now() - began);
  }
}
