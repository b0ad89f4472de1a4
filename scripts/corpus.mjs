#!/usr/bin/env node
// Judges the command line against the corpus of recorded images: contents, check, map, info, snapshots, decode,
// repair and compaction of copies, and that no file is touched. Prints a table; exits 1 on any difference.
//
//   node scripts/corpus.mjs [--dir DIR] [--only NAME…] [--jobs N] [--cli PATH]
//
// The images come from --dir, $QCOW_CORPUS, or ../shared/corpus/images.tar.zst beside the repository.
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { unpackedFolder } from "./corpus/archive.mjs";
import { runCommand } from "./corpus/command.mjs";
import { aspectNames, judge } from "./corpus/judge.mjs";
import { inOrder } from "./corpus/pool.mjs";
import { recordedImages } from "./corpus/recorded.mjs";
import { failures, heading, row, totals } from "./corpus/table.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dir: { type: "string", default: process.env.QCOW_CORPUS },
    only: { type: "string", multiple: true, default: [] },
    jobs: { type: "string", default: `${availableParallelism()}` },
    cli: { type: "string", default: join(ROOT, "packages/cli/bin/run.js") },
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

const cliPath = resolve(values.cli);
const only = [...values.only, ...positionals].flatMap((names) => names.split(","));
const images = await recordedImages(folder, only);
const scratch = await mkdtemp(join(tmpdir(), "qcow-decode-"));
const cli = (args, options) => runCommand(process.execPath, [cliPath, ...args], { cwd: folder, ...options });

console.log(heading(aspectNames));
const results = await inOrder(
  images,
  Number(values.jobs),
  (image) => judge(image, { folder, scratch, cli }),
  (result) => console.log(row(aspectNames, result)),
);
await rm(scratch, { recursive: true, force: true });

console.log(totals(aspectNames, results));
const lines = failures(results);
if (lines.length > 0) {
  console.log(["", ...lines].join("\n"));
  process.exitCode = 1;
}
