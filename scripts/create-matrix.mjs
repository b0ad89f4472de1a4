#!/usr/bin/env node
// Makes images with every combination of options, here and with qemu-img, and compares them: what info
// says, how much is mapped, that checks find nothing, and that QEMU can read and write. What qemu-img refuses is refused here.
//
//   node scripts/create-matrix.mjs [--jobs N] [--only TEXT] [--every N]
import { execFileSync } from "node:child_process";
import { existsSync, statfsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { everyNth, inOrder } from "./corpus/pool.mjs";
import { createCases, nameOf } from "./create-matrix/cases.mjs";
import { judgeCase } from "./create-matrix/judge.mjs";

const SHOWN_MAX = 20;
const SCRATCH_BYTES_MIN = 2 * 1024 ** 3;

const { values } = parseArgs({
  options: {
    jobs: { type: "string", default: `${availableParallelism()}` },
    only: { type: "string", default: "" },
    every: { type: "string", default: "1" },
  },
});

try {
  execFileSync("qemu-img", ["--version"], { stdio: "ignore" });
} catch {
  console.log("SKIPPED: no qemu-img here");
  process.exit(process.env.QCOW_REQUIRE_TOOLS ? 1 : 0);
}

const folder = await mkdtemp(join(scratchFolder(), "qcow-create-"));
const qemuImg = (...args) => execFileSync("qemu-img", args, { cwd: folder, stdio: "ignore" });
try {
  qemuImg("create", "-f", "raw", "base.raw", "300k");
  execFileSync("qemu-io", ["-f", "raw", "-c", "write -P 3 64k 100k", "base.raw"], {
    cwd: folder,
    stdio: "ignore",
  });
  qemuImg("convert", "-O", "qcow2", "base.raw", "base.qcow2");

  const named = createCases().filter((one) => nameOf(one).includes(values.only));
  const cases = everyNth(named, Number(values.every));
  const numbered = cases.map((one, index) => ({ one, index }));
  const results = await inOrder(
    numbered,
    Number(values.jobs),
    async ({ one, index }) => ({ name: nameOf(one), ...(await judgeCase(one, `${index}`, folder)) }),
    () => undefined,
  );
  const failed = results.filter(({ problems }) => problems.length > 0);
  for (const { name, problems } of failed.slice(0, SHOWN_MAX))
    console.log(`${name}\n${problems.map((problem) => `    ${problem}`).join("\n")}`);
  if (failed.length > SHOWN_MAX) console.log(`… ${failed.length - SHOWN_MAX} more`);
  const made = results.filter(({ accepted }) => accepted).length;
  console.log(
    `${results.length} combinations: ${made} made alike, ${results.length - made} refused or different; ${failed.length} FAILED`,
  );
  process.exitCode = failed.length > 0 || results.length === 0 ? 1 : 0;
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** In memory where there is room: both programs flush a lot. */
function scratchFolder() {
  const memory = "/dev/shm";
  if (process.env.TMPDIR || !existsSync(memory)) return tmpdir();
  const { bavail, bsize } = statfsSync(memory);
  return bavail * bsize >= SCRATCH_BYTES_MIN ? memory : tmpdir();
}
