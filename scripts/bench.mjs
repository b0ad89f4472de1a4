#!/usr/bin/env node
// Measures the command line against its peers and prints times, ratios and targets. A report: it fails only when
// a command fails or answers differ, or with --assert when a target is missed.
//
//   node scripts/bench.mjs [--only a,b,…] [--rounds 5] [--dir DIR] [--scale S] [--json FILE] [--assert] [--cli PATH]
//
// --only takes image letters or job names. Images are made where missing, in --dir, $QCOW_BENCH_DIR or the
// temporary folder (about 6 GiB at scale 1). Output goes to /dev/shm: a disk's dirty pages would be measured too.
// What reads over HTTP reads from a private nginx, over lines of some length; to qemu-img, that is a module of its own.
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { canQemuReadHttp, ROUND_TRIPS } from "./bench/http-jobs.mjs";
import { ensureImages } from "./bench/images.mjs";
import { jobs } from "./bench/jobs.mjs";
import { measure } from "./bench/measure.mjs";
import { heading, row, verdicts } from "./bench/report.mjs";
import { benchServer } from "./bench/server.mjs";
import { hasTool } from "./bench/tool.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const CLI_PACKAGE = join(ROOT, "packages/cli");

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    rounds: { type: "string", default: "5" },
    dir: { type: "string", default: process.env.QCOW_BENCH_DIR },
    scale: { type: "string", default: "1" },
    json: { type: "string" },
    assert: { type: "boolean", default: false },
    cli: { type: "string", default: join(CLI_PACKAGE, "bin/run.js") },
  },
});

const memory = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
const folder = resolve(values.dir ?? join(tmpdir(), `qcow-bench-${values.scale}`));
const scratch = await mkdtemp(join(memory, "qcow-bench-"));
const only = values.only.split(",").filter(Boolean);
const server = await benchServer([...ROUND_TRIPS.keys()]);
const all = jobs({
  node: process.execPath,
  cli: resolve(values.cli),
  oclif: createRequire(join(CLI_PACKAGE, "package.json")).resolve("@oclif/core"),
  scratch,
  out: join(scratch, "out.raw"),
  raw: join(scratch, "in.raw"),
  script: (name) => join(ROOT, "scripts/bench", name),
  url: server.url,
  qemuReadsHttp: await canQemuReadHttp(),
});
const wanted = all.filter((job) => only.length === 0 || only.includes(job.image) || only.includes(job.name));
if (wanted.length === 0) throw new Error(`no job measures ${values.only}`);

const results = [];
let failed = false;
try {
  const images = [...new Set(wanted.map((job) => job.image))];
  const lacking = await ensureImages(folder, images, Number(values.scale), console.log);
  const isServed = wanted.some((job) => job.atServer) && hasTool("nginx");
  if (isServed) await server.start(folder);
  console.log(heading);
  for (const job of wanted.filter((each) => !lacking.includes(each.image))) {
    if (job.atServer && !isServed) console.log(`${job.name}: not measured, nginx missing`);
    else await measured(job);
  }
} finally {
  await server.stop();
  await rm(scratch, { recursive: true, force: true });
}
if (values.json) await writeFile(values.json, `${JSON.stringify(results, null, 2)}\n`);
const missed = results.some((result) => verdicts(result).some((verdict) => verdict.met === false));
if (failed || (values.assert && missed)) process.exitCode = 1;

/** A failing job does not keep the others from being measured. */
async function measured(job) {
  const absent = job.tool.filter((tool) => !hasTool(tool));
  if (absent.length > 0) console.log(`${job.name}: no peer, ${absent.join(" and ")} missing`);
  const rounds = Math.min(Number(values.rounds), job.roundsMost ?? Number.POSITIVE_INFINITY);
  const hasPeer = job.peer !== undefined && absent.length === 0;
  const settings = { folder, scratch, rounds, hasPeer };
  try {
    const result = await measure(job, settings);
    results.push(result);
    console.log(row(result));
  } catch (error) {
    failed = true;
    console.log(`${job.name}: FAILED: ${error.message}`);
  }
}
