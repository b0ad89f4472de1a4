#!/usr/bin/env node
// Owns the report how the time of a compaction grows: fragmented images whose data clusters are holes, so that only tables
// count, of which the first half is discarded. It is to take at most 4.5 times as long for 4 times as many clusters.
//
//   node scripts/bench/compact-sizes.mjs [--clusters 1,4,16] [--dir DIR]
//
// --clusters is in millions (of 2^20).
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openWritable } from "../../packages/backend-node/dist/index.js";
import { Qcow2Image } from "../../packages/engine/dist/index.js";
import { writeFragmentedImage } from "./fragmented-image.mjs";
import { timedRun } from "./timing.mjs";
import { run } from "./tool.mjs";

const PROGRAM = fileURLToPath(new URL("../../packages/cli/bin/run.js", import.meta.url));
const CLUSTER = 65536;
const MIB = 1024 * 1024;
const RATIO_MAX = 4.5;

const { values } = parseArgs({
  options: { clusters: { type: "string", default: "1,4,16" }, dir: { type: "string", default: tmpdir() } },
});
const folder = await mkdtemp(join(values.dir, "qcow-compact-"));
let previous;
try {
  for (const millions of values.clusters.split(",").map(Number)) {
    const timed = await compactionOf(millions);
    console.log(line(millions, timed));
    if (previous !== undefined && timed.wallS > RATIO_MAX * previous.wallS) process.exitCode = 1;
    previous = timed;
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** Every second guest cluster is in the file, so the disk is twice as long. */
async function compactionOf(millions) {
  const path = join(folder, `${millions}.qcow2`);
  const diskBytes = millions * MIB * 2 * CLUSTER;
  await writeFragmentedImage(path, diskBytes);
  await discardFirst(path, diskBytes / 2);
  const timed = await timedRun([process.execPath, PROGRAM, "compact", path], {
    cwd: folder,
    stdout: "ignore",
  });
  await run("qemu-img", ["check", "-q", "-f", "qcow2", path]);
  await rm(path);
  return timed;
}

async function discardFirst(path, bytes) {
  const backend = await openWritable(path);
  const image = await Qcow2Image.open(backend);
  await image.discard(0, bytes);
  await image.close();
  await backend.close();
}

function line(millions, { wallS, userS, sysS, peakRssBytes }) {
  const ratio = previous === undefined ? "" : `, x${(wallS / previous.wallS).toFixed(2)}`;
  const cpu = (userS + sysS).toFixed(2);
  return `${millions}M clusters: ${wallS.toFixed(2)} s${ratio}, CPU ${cpu} s, ${Math.ceil(peakRssBytes / MIB)} MiB`;
}
