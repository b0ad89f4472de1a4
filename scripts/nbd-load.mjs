#!/usr/bin/env node
// Owns the proof that a server stands load: 16 clients, each with 32 requests under way, read and write at random for a while
// and verify what they read, while two more write and give up ranges of their own in bursts, so that the image is compacted
// again and again. Tells what 99 % of the requests stay below, errors, how the file's length went, and memory over time;
// exits 1 for any error, when memory grows, when the file never shrank, or when the image is not clean in the end.
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
const BURSTS = 2;
const BURST_BYTES = 128 * MIB;
/** A compaction begins when nothing was given up or taken for 5 seconds. */
const PAUSE_MS = 9000;

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
  const size = CLIENTS * CLIENT_BYTES + BURSTS * BURST_BYTES;
  await run(process.execPath, [PROGRAM, "create", image, "--size", `${size}`]);
  const flags = ["--rw", "--discard", "--compact-after", "32M", "--keep-erased", "8M"];
  const server = await startServing([image, ...flags, "--socket", join(folder, "socket")]);
  const memory = watchMemory(server);
  const length = watchLength();
  try {
    const over = new AbortController();
    const bursts = Array.from({ length: BURSTS }, (_, index) => burst(server.uri, index, over.signal));
    const jobs = await fio(clients(server.uri), { cwd: folder, seconds }).finally(() => over.abort());
    const rounds = await Promise.all(bursts);
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

/** Fills a range and gives it up, again and again; resolves with how often. */
async function burst(uri, index, signal) {
  const offset = CLIENTS * CLIENT_BYTES + index * BURST_BYTES;
  const job = (rw, bs) => [
    `--name=burst-${index}`,
    "--ioengine=nbd",
    `--uri=${uri}`,
    `--rw=${rw}`,
    `--bs=${bs}`,
    `--offset=${offset}`,
    `--size=${BURST_BYTES}`,
    "--iodepth=32",
  ];
  let rounds = 0;
  while (!signal.aborted) {
    await fio(job("write", "256k"), { cwd: folder, seconds });
    await fio(job("trim", "1m"), { cwd: folder, seconds });
    rounds++;
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined);
  }
  return rounds;
}

function tellRequests(jobs, rounds) {
  for (const direction of ["read", "write"]) {
    const { operations, bytes, p99Ms } = totals(jobs, direction);
    const rate = Math.round(operations / seconds);
    console.log(
      `${direction}: ${operations} of ${Math.round(bytes / MIB)} MiB, ${rate}/s, p99 ${p99Ms.toFixed(0)} ms`,
    );
  }
  console.log(
    `${jobs.length} clients, no errors; ${rounds.join(" and ")} bursts of ${BURST_BYTES / MIB} MiB`,
  );
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
