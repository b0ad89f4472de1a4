// Owns what a repair of a damaged image is held to: on a copy, clean afterwards or saying why not, in QEMU's eyes as in
// ours, and with contents no worse than those that qemu-img check -r all leaves.
import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { hasTool } from "../bench/tool.mjs";
import { runCommand } from "../corpus/command.mjs";
import { fileSha256 } from "../corpus/fingerprint.mjs";
import { limitedRun } from "./limited-run.mjs";
import { badManners } from "./manners.mjs";

/** Kinds whose damage a repair is expected to do something about. */
const DAMAGED = ["check-corrupt", "check-leak", "check-error"];
/** Images that cannot be opened are not repaired either. */
const SKIPPED = ["reject"];
const CODED_LINE = / \([A-Z0-9_]+\)$/m;

/** Lines saying what the repair of a case did wrong, `{ violations, run }`; no run where there is nothing to repair. */
export async function judgeRepair(testCase, { folder, scratch, cliPath, env, qemu, decoded }) {
  if (SKIPPED.includes(testCase.kind)) return { violations: [] };
  const copy = await mkdtemp(join(scratch, `${testCase.name}-`));
  try {
    await copyWithData(testCase, folder, copy);
    const qcow = (...args) =>
      limitedRun(process.execPath, [cliPath, ...args], { cwd: copy, env, contents: args[0] === "decode" });
    const run = await qcow("check", "--repair", "all", testCase.file);
    const found = badManners("check", run);
    if (DAMAGED.includes(testCase.kind)) {
      found.push(...(await verdicts(testCase, run, qcow)));
      found.push(...(await sameContents(testCase, qcow, decoded)));
      if (hasTool("qemu-img")) found.push(...(await asQemuSees(testCase, run, { copy, folder, qemu })));
    }
    return { run, violations: found.map((line) => `repair: ${line}`) };
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

/** The image, and the raw files that images of the folder name. */
async function copyWithData(testCase, folder, copy) {
  const raw = (await readdir(folder)).filter((name) => name.endsWith(".raw"));
  for (const name of [testCase.file, ...raw]) await cp(join(folder, name), join(copy, name));
}

async function verdicts(testCase, run, qcow) {
  const after = await qcow("check", testCase.file);
  const found = [];
  if (testCase.kind === "check-leak" && run.exit !== 0) found.push(`leaks are left (exit ${run.exit})`);
  if (run.exit !== 0 && !CODED_LINE.test(run.stderr.toString())) found.push("it does not say what is left");
  if (after.exit !== run.exit) found.push(`ended with ${run.exit}, but a check after it with ${after.exit}`);
  return found;
}

/** What could be read before must read the same. */
async function sameContents(testCase, qcow, decoded) {
  if (decoded.exit !== 0) return [];
  const after = await qcow("decode", testCase.file, "-");
  return after.exit === 0 && after.stdout.sha256 === decoded.stdout.sha256 ? [] : ["contents have changed"];
}

async function asQemuSees(testCase, run, { copy, folder, qemu }) {
  const found = [];
  const check = await runCommand("qemu-img", ["check", "-q", testCase.file], { cwd: copy });
  if (run.exit === 0 && check.exit !== 0) found.push(`clean, but qemu-img check ends with ${check.exit}`);
  const ours = await converted(copy, testCase.file);
  await cp(join(folder, testCase.file), join(copy, "theirs.qcow2"));
  await runCommand("qemu-img", ["check", "-q", "-r", "all", "theirs.qcow2"], { cwd: copy });
  const theirs = await converted(copy, "theirs.qcow2");
  const good = [theirs, qemu.convert?.sha256].filter(Boolean);
  if (theirs !== undefined && !good.includes(ours))
    found.push("worse contents than after qemu-img check -r all");
  return found;
}

/** SHA-256 of what qemu-img reads of an image; undefined when it cannot. */
async function converted(cwd, file) {
  const out = join(cwd, "out.raw");
  const run = await runCommand("qemu-img", ["convert", "-f", "qcow2", "-O", "raw", file, out], { cwd });
  if (run.exit !== 0) return undefined;
  return fileSha256(out);
}
