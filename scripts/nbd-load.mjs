#!/usr/bin/env node
// Owns the proof that a server stands load: 16 clients, each with 32 requests under way, read and write at random for a while
// and verify what they read. Meanwhile two more fill ranges of their own side by side, and one gives its up, so that the image
// is compacted: clusters of the other one move, again and again. Tells what 99 % of the requests stay below, errors, how the
// file's length went, and memory over time; exits 1 for any error, when memory grows, when the file never became shorter, or
// when the image is not clean in the end.
//
//   node scripts/nbd-load.mjs [--seconds N] [--dir DIR]
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { hasTool, run } from "./bench/tool.mjs";
import { fio, totals, verifiedJob } from "./nbd/fio.mjs";
import { growthOf, watchMemory } from "./nbd/memory.mjs";
import { startServing } from "./nbd/serving.mjs";

const PROGRAM = fileURLToPath(new URL("../packages/cli/bin/run.js", import.meta.url));
const MIB = 1024 * 1024;
const CLIENTS = 16;
const CLIENT_BYTES = 64 * MIB;
const SIDES = 2;
const SIDE_BYTES = 32 * MIB;
/** What was given up is free after some 5 seconds and settles for 5 more; then moves let clients go first. */
const PAUSE_MS = 40_000;

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "300" }, dir: { type: "string", default: tmpdir() } },
});
const lacking = ["fio", "qemu-img"].filter((tool) => !hasTool(tool));
if (lacking.length > 0) {
  console.log(`SKIPPED: ${lacking.join(", ")} missing`);
  process.exit(process.env.QCOW_REQUIRE_TOOLS ? 1 : 0);
}
const seconds = Number(values.seconds);
const folder = await mkdtemp(join(values.dir, "qcow-load-"));
const image = join(folder, "disk.qcow2");
try {
  await main();
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function main() {
  const size = CLIENTS * CLIENT_BYTES + SIDES * SIDE_BYTES;
  await run(process.execPath, [PROGRAM, "create", image, "--size", `${size}`]);
  const flags = ["--rw", "--discard", "--compact-after", "8M", "--keep-erased", "2M"];
  const server = await startServing([image, ...flags, "--socket", join(folder, "socket")]);
  const memory = watchMemory(server);
  const length = watchLength();
  try {
    await fio(plainJob(server.uri, "fill", "write", 0, CLIENTS * CLIENT_BYTES), { cwd: folder, seconds });
    const over = new AbortController();
    const sides = fillAndGiveUp(server.uri, over.signal);
    const jobs = await fio(clients(server.uri), { cwd: folder, seconds }).finally(() => over.abort());
    const rounds = await sides;
    tellRequests(jobs, rounds);
    tellMemory(memory.stop());
    await server.stop();
  } catch (error) {
    server.kill();
    throw error;
  } finally {
    memory.stop();
    length.stop();
  }
  tellLength(length);
  await run("qemu-img", ["check", "-q", image]);
  console.log("qemu-img check: clean");
}

function clients(uri) {
  return Array.from({ length: CLIENTS }, (_, index) =>
    verifiedJob({ uri, seconds, size: CLIENT_BYTES, offset: index * CLIENT_BYTES, name: `client-${index}` }),
  ).flat();
}

/** Both sides are filled at once, and one is given up, again and again; resolves with how often. */
async function fillAndGiveUp(uri, signal) {
  const job = (side, rw) =>
    plainJob(uri, `side-${side}`, rw, CLIENTS * CLIENT_BYTES + side * SIDE_BYTES, SIDE_BYTES);
  const done = (options) => fio(options, { cwd: folder, seconds });
  let rounds = 0;
  while (!signal.aborted) {
    await done([...job(0, "write"), ...job(1, "write")]);
    await done(job(0, "trim"));
    rounds++;
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined);
    await done(job(1, "trim"));
  }
  return rounds;
}

function plainJob(uri, name, rw, offset, size) {
  const how = [`--rw=${rw}`, "--bs=256k", "--iodepth=32", `--offset=${offset}`, `--size=${size}`];
  return [`--name=${name}`, "--ioengine=nbd", `--uri=${uri}`, ...how];
}

function tellRequests(jobs, rounds) {
  for (const direction of ["read", "write"]) {
    const { operations, bytes, p99Ms } = totals(jobs, direction);
    const rate = Math.round(operations / seconds);
    console.log(
      `${direction}: ${operations} of ${Math.round(bytes / MIB)} MiB, ${rate}/s, p99 ${p99Ms.toFixed(0)} ms`,
    );
  }
  console.log(`${jobs.length} clients, no errors; ${rounds} times ${SIDE_BYTES / MIB} MiB were given up`);
}

function tellMemory(samples) {
  const { first, last, peak, grows } = growthOf(samples);
  const mib = (bytes) => `${Math.round(bytes / MIB)} MiB`;
  console.log(`memory: ${mib(first)} in the first third, ${mib(last)} in the last, ${mib(peak)} at most`);
  if (!grows) return;
  console.log("FAILED: memory grows");
  process.exitCode = 1;
}

/** How often and how far the file became shorter. */
function watchLength() {
  const watched = { longest: 0, last: 0, cuts: 0, stop: () => clearInterval(timer) };
  const look = async () => {
    const { size } = await stat(image);
    if (size < watched.last) watched.cuts++;
    watched.longest = Math.max(watched.longest, size);
    watched.last = size;
  };
  const timer = setInterval(() => void look().catch(() => undefined), 500);
  return watched;
}

function tellLength({ longest, last, cuts }) {
  const mib = (bytes) => `${Math.round(bytes / MIB)} MiB`;
  console.log(
    `the file: ${mib(longest)} at most, ${mib(last)} when clients were gone, ${cuts} times shorter than before`,
  );
  if (cuts > 0) return;
  console.log("FAILED: nothing was compacted");
  process.exitCode = 1;
}
