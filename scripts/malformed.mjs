#!/usr/bin/env node
// Judges the command line against malformed and hostile images: info, check, map and decode of each must satisfy
// the case's `must` line within 10 s and 512 MiB, and the repair of a copy must do no harm. Prints a table; exits 1 on
// any violation.
//
//   node scripts/malformed.mjs [--dir DIR] [--only NAME…] [--jobs N] [--cli PATH] [--every N]
//
// The images come from --dir, $QCOW_MALFORMED, or ../shared/corpus/malformed.tar.zst beside the repository.
// Without strace the traced part is skipped, aloud; QCOW_REQUIRE_TOOLS=1 makes that a failure.
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { unpackedFolder } from "./corpus/archive.mjs";
import { fingerprints, touched } from "./corpus/fingerprint.mjs";
import { everyNth, inOrder } from "./corpus/pool.mjs";
import { canTrace } from "./malformed/external-names.mjs";
import { commandNames, judge } from "./malformed/judge.mjs";
import { heading, row, totals, violations } from "./malformed/table.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dir: { type: "string", default: process.env.QCOW_MALFORMED },
    only: { type: "string", multiple: true, default: [] },
    every: { type: "string", default: "1" },
    jobs: { type: "string", default: `${availableParallelism()}` },
    cli: { type: "string", default: join(ROOT, "packages/cli/bin/run.js") },
  },
});

/** Says that something could not be judged; where tools are required that is a failure. */
function skipped(what) {
  console.log(`SKIPPED: ${what}`);
  if (process.env.QCOW_REQUIRE_TOOLS) process.exit(1);
}

const folder = await unpackedFolder({
  given: values.dir,
  archive: join(ROOT, "../shared/corpus/malformed.tar.zst"),
  topFolder: "cases-public",
});
if (folder === undefined) {
  console.log("SKIPPED: no malformed images here (set QCOW_MALFORMED or --dir to the unpacked images)");
  process.exit(0);
}

const readJson = async (name) => JSON.parse(await readFile(join(folder, name), "utf8"));
const behaviour = await readJson("qemu-behaviour.json");
const only = [...values.only, ...positionals].flatMap((names) => names.split(","));
const everyCase = (await readJson("cases.json")).cases;
const named = everyCase.filter((testCase) => only.length === 0 || only.includes(testCase.name));
if (named.length < only.length) throw new Error(`unknown case among ${only.join(", ")}`);
const cases = everyNth(named, Number(values.every));

const trace = canTrace();
if (!trace) skipped("strace is missing: nobody looks which files the no-external cases open");
const scratch = await mkdtemp(join(tmpdir(), "qcow-malformed-"));
const context = { folder, scratch, cliPath: resolve(values.cli), trace };
const names = await readdir(folder);
const before = await fingerprints(folder, names);

console.log(heading(commandNames));
const results = await inOrder(
  cases,
  Number(values.jobs),
  (testCase) => judge(testCase, { ...context, qemu: behaviour[testCase.name] }),
  (result) => console.log(row(commandNames, result)),
);
const changes = touched(before, await fingerprints(folder, await readdir(folder)));
await rm(scratch, { recursive: true, force: true });

console.log(totals(results).join("\n"));
const lines = [...violations(results), ...changes.map((line) => `the folder changed: ${line}`)];
if (lines.length > 0) {
  console.log(["", ...lines].join("\n"));
  process.exitCode = 1;
}
