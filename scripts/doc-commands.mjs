#!/usr/bin/env node
// Owns whether what README.md and docs/*.md tell people to type works: each line of their ```sh blocks is run on sample images and
// has to end with exit code 0, or with the "exit code N" of its own comment; recorded sessions (```console) have to print what
// stands there. `--record` writes what they print into the pages. Does not own how a line is run (doc-commands/).
//
//   node scripts/doc-commands.mjs [--record] [PAGE…]
import { accessSync, constants, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { blocksOf } from "./doc-commands/blocks.mjs";
import { startImageServer } from "./doc-commands/image-server.mjs";
import { pageRunner } from "./doc-commands/run-page.mjs";
import { copyImages, makeImages, makeStandIns } from "./doc-commands/scratch.mjs";
import { withTemporaryFolder } from "./pack.mjs";
import { root } from "./workspace.mjs";

const record = process.argv.includes("--record");
const named = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const AT_ONCE = 2;

function hasTool(name) {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function pages() {
  const all = ["README.md", ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`)];
  const wanted = all.filter((page) => page.endsWith(".md") && (named.length === 0 || named.includes(page)));
  if (wanted.length === 0) throw new Error(`no such page: ${named.join(", ")}`);
  return wanted.sort();
}

/** Runs one page in a folder of its own; resolves with the outcomes of its lines, and the blocks that are not run. */
async function runPage(page, folder, shared) {
  const blocks = blocksOf(readFileSync(join(root, page), "utf8"));
  const run = blocks.filter(({ notRun }) => notRun === undefined);
  const result = { page, outcomes: [], left: blocks.filter(({ notRun }) => notRun !== undefined) };
  if (run.length === 0) return result;
  copyImages(shared.templates, join(folder, "files"));
  const place = { folder: join(folder, "files"), data: join(folder, "data"), ...shared };
  const runBlock = await pageRunner(place);
  for (const block of run) result.outcomes.push(...(await runBlock(block)));
  return result;
}

async function runPages(folder) {
  const templates = join(folder, "templates");
  const standIns = join(folder, "bin");
  makeStandIns(standIns);
  makeImages(templates, hasTool);
  const server = await startImageServer(templates);
  const shared = { templates, standIns, images: server.origin, hasTool };
  const waiting = [...pages().entries()];
  const results = [];
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      results[next[0]] = await runPage(next[1], join(folder, `page-${next[0]}`), shared);
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  } finally {
    server.stop();
  }
  return results;
}

/** Writes what recorded sessions print now into the page, below each command. */
function rewrite({ page, outcomes }) {
  const file = join(root, page);
  const lines = readFileSync(file, "utf8").split("\n");
  // From the end, so that the numbers of the lines before stay right.
  for (const { line, found } of outcomes.filter((outcome) => outcome.found !== undefined).reverse()) {
    const end = lines.findIndex((text, index) => index >= line && (text.startsWith("$ ") || text === "```"));
    const gap = lines[end] === "```" ? [] : [""];
    lines.splice(line, end - line, ...(found === "" ? [] : found.split("\n")), ...gap);
  }
  writeFileSync(file, lines.join("\n"));
}

/** Tells what was run, skipped and left out; how many lines failed. */
function summarise(results) {
  const lines = results.flatMap(({ page, outcomes }) => outcomes.map((outcome) => ({ page, ...outcome })));
  const left = results.flatMap(({ page, left: blocks }) => blocks.map((block) => ({ page, ...block })));
  const skipped = lines.filter(({ missing }) => missing !== undefined);
  const failed = lines.filter(({ problem }) => problem !== undefined);
  for (const { page, line, notRun } of left) console.log(`not run: ${page}:${line}: ${notRun}`);
  for (const { page, line, missing, command } of skipped)
    console.log(`SKIPPED, because ${missing} is not here: ${page}:${line}: ${command}`);
  for (const { page, line, command, problem } of failed)
    console.log(`FAILED: ${page}:${line}: ${command}\n${problem.replaceAll(/^/gm, "    ")}`);
  const ran = lines.length - skipped.length;
  console.log(
    `doc-commands: ${ran} lines of ${results.length} pages run, ${failed.length} failed, ` +
      `${skipped.length} skipped, ${left.length} blocks not run`,
  );
  if (ran === 0) console.log("FAILED: nothing was run");
  const isSkippingWrong = process.env.QCOW_REQUIRE_TOOLS === "1" && skipped.length > 0;
  return failed.length > 0 || ran === 0 || isSkippingWrong;
}

await withTemporaryFolder(async (folder) => {
  const results = await runPages(folder);
  if (record) results.forEach(rewrite);
  for (const { outcomes } of record ? results : [])
    for (const outcome of outcomes) if (outcome.code === 0) delete outcome.problem;
  process.exitCode = summarise(results) ? 1 : 0;
});
