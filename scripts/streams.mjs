#!/usr/bin/env node
// Owns the proof of streams: images of the corpus and random ones with shuffled clusters, decoded as they come; random raw
// disks, encoded to a pipe and judged by QEMU; and how much memory a large one takes. A few resident processes run the
// commands. Prints what is wrong; exits 1 when anything is.
//
//   node scripts/streams.mjs [--seed N] [--runs N] [--jobs N] [--corpus every N-th] [--memory-step BYTES] [--cli PATH]
//
// --memory-step 0 leaves the large disk out. A failure names its seed: --seed N --runs 1 replays it.
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { hasTool } from "./bench/tool.mjs";
import { unpackedFolder } from "./corpus/archive.mjs";
import { inOrder } from "./corpus/pool.mjs";
import { recordedImages } from "./corpus/recorded.mjs";
import { Residents } from "./corpus/residents.mjs";
import { Random } from "./oracle/random.mjs";
import { judgeCorpusImage } from "./streams/judge-corpus.mjs";
import { judgeShuffled } from "./streams/judge-decode.mjs";
import { judgeEncoded } from "./streams/judge-encode.mjs";
import { judgeMemory } from "./streams/memory.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    runs: { type: "string", default: "300" },
    jobs: { type: "string", default: `${availableParallelism()}` },
    corpus: { type: "string", default: "1" },
    "memory-step": { type: "string", default: `${8 * 2 ** 20}` },
    cli: { type: "string", default: join(ROOT, "packages/cli/bin/run.js") },
  },
});

const program = resolve(values.cli);
const hasQemu = hasTool("qemu-img");
const jobs = Number(values.jobs);
const seeds = Array.from({ length: Number(values.runs) }, (_, index) => Number(values.seed) + index);
const scratch = await mkdtemp(join(tmpdir(), "qcow-streams-"));
const residents = new Residents(jobs, { cliRoot: dirname(dirname(program)), cwd: scratch });
const cli = (args, options) => residents.run(args, options);
let failures = 0;
try {
  await corpus();
  await part("shuffled images decoded as streams", seeds, (seed) =>
    judgeSeed(seed, "shuffled", judgeShuffled),
  );
  if (hasQemu)
    await part("raw disks encoded to a pipe", seeds, (seed) => judgeSeed(seed, "encoded", judgeEncoded));
  else skipped("qemu-img is missing");
  if (Number(values["memory-step"]) > 0) await memory();
} finally {
  residents.stop();
  await rm(scratch, { recursive: true, force: true });
}
if (failures > 0) process.exitCode = 1;

function judgeSeed(seed, name, judge) {
  const context = { path: join(scratch, `${name}-${seed}`), cli, hasQemu, program };
  return judge(seed, new Random(seed), context).catch((error) => [`seed ${seed}: ${error.stack}`]);
}

async function corpus() {
  const folder = await unpackedFolder({
    given: process.env.QCOW_CORPUS,
    archive: join(ROOT, "../shared/corpus/images.tar.zst"),
    topFolder: "public",
  });
  if (folder === undefined) return skipped("no corpus here (set QCOW_CORPUS to the unpacked images)");
  const every = Number(values.corpus);
  const images = (await recordedImages(folder, [])).filter((_, index) => index % every === 0);
  await part("images of the corpus decoded as streams", images, (image) =>
    judgeCorpusImage(image, { cli, folder, scratch }).catch((error) => [`${image.name}: ${error.stack}`]),
  );
}

/** Judges all `items`; `undefined` says that one was not for this. */
async function part(title, items, judge) {
  const began = Date.now();
  let wrong = 0;
  const results = await inOrder(items, jobs, judge, (lines) => {
    if (lines === undefined || lines.length === 0) return;
    wrong++;
    console.log(lines.join("\n"));
  });
  failures += wrong;
  const judged = results.filter((lines) => lines !== undefined).length;
  console.log(`${judged} ${title}: ${wrong} failures (${((Date.now() - began) / 1000).toFixed(0)} s)`);
}

async function memory() {
  for (const { isRight, text } of await judgeMemory(scratch, program, Number(values["memory-step"]))) {
    if (!isRight) failures++;
    console.log(`${text}${isRight ? "" : ": FAILED"}`);
  }
}

function skipped(why) {
  console.log(`SKIPPED: ${why}`);
  if (process.env.QCOW_REQUIRE_TOOLS) failures++;
}
