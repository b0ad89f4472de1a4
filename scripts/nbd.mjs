#!/usr/bin/env node
// Owns the proof of `qcow serve` with real clients. Every image of the corpus is served, from one process, and judged by QEMU
// and libnbd; encrypted ones must be refused. Then a disk is served for writing, and QEMU's tools, nbdcopy and fio use it.
// Prints a table and what clients did; exits 1 on any difference.
//
//   node scripts/nbd.mjs [--dir DIR] [--only NAME…] [--jobs N] [--fio-seconds N] [--all]
//
// QEMU compares disks of a terabyte and more in small steps: without --all these are left out of `compare`, and with it two
// of them take minutes. The images come from --dir, $QCOW_CORPUS, or ../shared/corpus/images.tar.zst beside the repository.
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { hasTool, run } from "./bench/tool.mjs";
import { unpackedFolder } from "./corpus/archive.mjs";
import { inOrder } from "./corpus/pool.mjs";
import { recordedImages } from "./corpus/recorded.mjs";
import { failures, heading, row, totals } from "./corpus/table.mjs";
import { DISK_BYTES, lacking, STEPS } from "./nbd/clients.mjs";
import { ASPECTS, isRefused, judgeServed } from "./nbd/corpus.mjs";
import { startServing } from "./nbd/serving.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PROGRAM = join(ROOT, "packages/cli/bin/run.js");

const { values } = parseArgs({
  options: {
    dir: { type: "string", default: process.env.QCOW_CORPUS },
    only: { type: "string", multiple: true, default: [] },
    jobs: { type: "string", default: `${availableParallelism()}` },
    "fio-seconds": { type: "string", default: "60" },
    all: { type: "boolean", default: false },
  },
});

const missing = ["qemu-img", "qemu-io", "nbdinfo", "nbdcopy", "fio"].filter((tool) => !hasTool(tool));
if (missing.length > 0) {
  console.log(`not here, so some is skipped: ${missing.join(", ")}`);
  if (process.env.QCOW_REQUIRE_TOOLS) process.exit(1);
}
const started = performance.now();
const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`;
const scratch = await mkdtemp(join(tmpdir(), "qcow-nbd-"));
try {
  await judgeCorpus();
  await useDisk();
} finally {
  await rm(scratch, { recursive: true, force: true });
}
console.log(`took ${seconds()}`);

async function judgeCorpus() {
  const archive = join(ROOT, "../shared/corpus/images.tar.zst");
  const folder = await unpackedFolder({ given: values.dir, archive, topFolder: "public" });
  if (folder === undefined) {
    console.log("SKIPPED: no corpus here (set QCOW_CORPUS or --dir to the unpacked images)");
    if (process.env.QCOW_REQUIRE_TOOLS) process.exitCode = 1;
    return;
  }
  const only = values.only.flatMap((names) => names.split(","));
  const recorded = await recordedImages(folder, only);
  const images = recorded.filter((image) => !isRefused(image));
  const words = images.map(({ name, top }) => `${name}=${top}`);
  const server = await startServing([...words, "--socket", join(scratch, "corpus")], { cwd: folder });
  const served = new Map(server.document.exports.map((each) => [each.name, each]));
  console.log(heading(ASPECTS));
  const results = await inOrder(
    images,
    Number(values.jobs),
    (image) => judgeServed(image, served.get(image.name), { cwd: folder, all: values.all }),
    (result) => console.log(row(ASPECTS, result)),
  );
  await server.stop();
  console.log(totals(ASPECTS, results));
  const lines = [...failures(results), ...(await notRefused(recorded.filter(isRefused), folder))];
  console.log(
    `${recorded.length - images.length} encrypted images are refused; corpus done after ${seconds()}`,
  );
  if (lines.length === 0) return;
  console.log(["", ...lines].join("\n"));
  process.exitCode = 1;
}

/** A line for each of `images` that is served, or refused for another reason. */
async function notRefused(images, folder) {
  const outcomes = await inOrder(
    images,
    Number(values.jobs),
    async ({ top, name }) => {
      const outcome = await startServing([top, "--socket", join(scratch, name)], { cwd: folder }).then(
        (server) => server.stop().then(() => "it is served"),
        (error) => (error.message.includes("(QCOW2_ENCRYPTED)") ? undefined : error.message),
      );
      return outcome === undefined ? undefined : `${name}: ${outcome}`;
    },
    () => undefined,
  );
  return outcomes.filter((line) => line !== undefined);
}

async function useDisk() {
  await run(process.execPath, [PROGRAM, "create", "disk.qcow2", "--size", `${DISK_BYTES}`], {}, scratch);
  const options = ["--rw", "--discard", "--compact-after", "16M", "--socket", join(scratch, "disk")];
  const server = await startServing(["disk.qcow2", ...options], { cwd: scratch });
  const context = { uri: server.uri, folder: scratch, fioSeconds: Number(values["fio-seconds"]) };
  try {
    for (const [name, tools, step] of STEPS) {
      if (lacking(tools).length > 0) console.log(`${name}: SKIPPED`);
      else console.log(`${name}: ${await step(context)}`);
    }
    await server.stop();
    await checked();
  } catch (error) {
    server.kill();
    console.log(`FAILED: ${error.message}`);
    process.exitCode = 1;
  }
}

async function checked() {
  if (!hasTool("qemu-img")) return;
  await run("qemu-img", ["check", "-q", "disk.qcow2"], {}, scratch);
  console.log("qemu-img check: clean");
}
