#!/usr/bin/env node
// Judges the command line against the corpus of recorded images: contents, check, map, info, snapshots, decode,
// repair and compaction of copies, and that no file is touched. Prints a table; exits 1 on any difference.
//
//   node scripts/corpus.mjs [--dir DIR] [--only NAME…] [--jobs N] [--cli PATH] [--http] [--resident] [--every N]
//
// With --every 3 it is every third image.
// With --resident a few processes run all commands, which takes less than half the time; by default each has its own.
// With --http the images are at a private nginx, what is read is compared with the same records, and a few processes run all
// commands. Without nginx that is skipped, aloud; QCOW_REQUIRE_TOOLS=1 makes that a failure.
// The images come from --dir, $QCOW_CORPUS, or ../shared/corpus/images.tar.zst beside the repository.
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { hasTool } from "./bench/tool.mjs";
import { unpackedFolder } from "./corpus/archive.mjs";
import { atServer, READING_AT_SERVER } from "./corpus/at-server.mjs";
import { runCommand } from "./corpus/command.mjs";
import { ASPECTS, columnsOf, judge } from "./corpus/judge.mjs";
import { everyNth, inOrder } from "./corpus/pool.mjs";
import { recordedImages } from "./corpus/recorded.mjs";
import { Residents } from "./corpus/residents.mjs";
import { failures, heading, row, totals } from "./corpus/table.mjs";
import { startNginx } from "./http/nginx.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dir: { type: "string", default: process.env.QCOW_CORPUS },
    only: { type: "string", multiple: true, default: [] },
    jobs: { type: "string", default: `${availableParallelism()}` },
    cli: { type: "string", default: join(ROOT, "packages/cli/bin/run.js") },
    every: { type: "string", default: "1" },
    http: { type: "boolean", default: false },
    resident: { type: "boolean", default: false },
  },
});

const folder = await unpackedFolder({
  given: values.dir,
  archive: join(ROOT, "../shared/corpus/images.tar.zst"),
  topFolder: "public",
});
if (folder === undefined) {
  console.log("SKIPPED: no corpus here (set QCOW_CORPUS or --dir to the unpacked images)");
  process.exit(process.env.QCOW_REQUIRE_TOOLS ? 1 : 0);
}

if (values.http && !hasTool("nginx")) {
  console.log("SKIPPED: nginx is missing");
  process.exit(process.env.QCOW_REQUIRE_TOOLS ? 1 : 0);
}

const cliPath = resolve(values.cli);
const jobs = Number(values.jobs);
const only = [...values.only, ...positionals].flatMap((names) => names.split(","));
const images = everyNth(await recordedImages(folder, only), Number(values.every));
const aspects = values.http ? READING_AT_SERVER : ASPECTS;
const columns = columnsOf(aspects);
const results = await (values.http ? judgeAtServer() : judgeFiles());

console.log(totals(columns, results));
const lines = failures(results);
if (lines.length > 0) {
  console.log(["", ...lines].join("\n"));
  process.exitCode = 1;
}

function judgeAll(recorded, context) {
  console.log(heading(columns));
  return inOrder(
    recorded,
    jobs,
    (image) => judge(image, aspects, { folder, ...context }),
    (result) => console.log(row(columns, result)),
  );
}

async function judgeFiles() {
  const scratch = await mkdtemp(join(tmpdir(), "qcow-decode-"));
  const residents = values.resident ? startResidents() : undefined;
  const cli = (args, options) =>
    residents?.run(args, options) ??
    runCommand(process.execPath, [cliPath, ...args], { cwd: folder, ...options });
  try {
    return await judgeAll(images, { scratch, cli });
  } finally {
    residents?.stop();
    await rm(scratch, { recursive: true, force: true });
  }
}

function startResidents() {
  return new Residents(jobs, { cliRoot: dirname(dirname(cliPath)), cwd: resolve(folder) });
}

async function judgeAtServer() {
  const nginx = await startNginx({ corpus: resolve(folder) });
  const residents = startResidents();
  try {
    const cli = (args, options) => residents.run(args, options);
    return await judgeAll(
      images.map((image) => atServer(image, nginx.url("corpus/"))),
      { cli },
    );
  } finally {
    residents.stop();
    await nginx.stop();
  }
}
