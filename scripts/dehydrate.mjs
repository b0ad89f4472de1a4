#!/usr/bin/env node
// Judges dehydrate and rehydrate against the corpus of recorded images and the malformed ones: what is made of the files must
// be checked and mapped like the original, and no byte of contents may get out. Prints a line for what fails; exits 1 then.
//
//   node scripts/dehydrate.mjs [--only NAME…] [--jobs N] [--every N]
//
// The images come from $QCOW_CORPUS and $QCOW_MALFORMED, or the archives in ../shared/corpus beside the repository.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { hasTool } from "./bench/tool.mjs";
import { unpackedFolder } from "./corpus/archive.mjs";
import { everyNth, inOrder } from "./corpus/pool.mjs";
import { recordedImages } from "./corpus/recorded.mjs";
import { judgeMalformed, judgeRecorded } from "./dehydrate/judge.mjs";
import { QemuCheck } from "./dehydrate/qemu-check.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: "string", multiple: true, default: [] },
    every: { type: "string", default: "1" },
    jobs: { type: "string", default: `${availableParallelism()}` },
  },
});
const only = [...values.only, ...positionals].flatMap((names) => names.split(","));
const jobs = Number(values.jobs);
const every = Number(values.every);

/** The folder of a corpus; undefined, aloud, when it is not here. */
async function corpus(given, archive, topFolder) {
  const path = join(ROOT, "../shared/corpus", archive);
  const folder = await unpackedFolder({ given, archive: path, topFolder });
  if (folder === undefined) console.log(`SKIPPED: no ${archive} here`);
  return folder;
}

/** Judges `items`, a few at a time; prints what fails. */
async function judgeAll(what, folder, items, judge) {
  const scratch = await mkdtemp(join(tmpdir(), "qcow-dehydrate-"));
  const qemu = hasTool("qemu-img") ? new QemuCheck() : undefined;
  const sums = {};
  try {
    const context = { folder, scratch, qemu, sums };
    const results = await inOrder(
      items,
      jobs,
      (item) => judge(item, context),
      ({ name, lines }) => {
        for (const line of lines) console.log(`${name}: ${line}`);
      },
    );
    const failed = results.filter(({ lines }) => lines.length > 0).length;
    if (failed > 0 || results.length === 0) process.exitCode = 1;
    const counted = Object.entries(sums).map(([name, count]) => `${count} ${name}`);
    console.log(
      `${what}: ${results.length - failed}/${results.length} as they should be (${counted.join(", ")})`,
    );
  } finally {
    qemu?.stop();
    await rm(scratch, { recursive: true, force: true });
  }
}

const recorded = await corpus(process.env.QCOW_CORPUS, "images.tar.zst", "public");
if (recorded !== undefined)
  await judgeAll(
    "recorded images",
    recorded,
    everyNth(await recordedImages(recorded, only), every),
    judgeRecorded,
  );

const malformed =
  only.length > 0 ? undefined : await corpus(process.env.QCOW_MALFORMED, "malformed.tar.zst", "cases-public");
if (malformed !== undefined) {
  const names = (await readdir(malformed)).filter((name) => name.endsWith(".qcow2"));
  await judgeAll("malformed images", malformed, everyNth(names.sort(), every), judgeMalformed);
}
