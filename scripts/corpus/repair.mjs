// Owns the aspect that repairs copies of an image: exit codes, what was fixed, and guest contents as recorded after
// qemu-img check -r; images that are sound must come out of it byte for byte. Returns lines of differences.
import { join } from "node:path";
import { hasTool } from "../bench/tool.mjs";
import { howItEnded, runCommand } from "./command.mjs";
import { fileSha256 } from "./fingerprint.mjs";
import { onCopy } from "./on-copy.mjs";

const MODES = ["leaks", "all"];
const FIXED = ["leaks-fixed", "corruptions-fixed"];

/** `check --repair` in both modes where QEMU's answers are recorded, in the mode that does most where not. */
export async function repair(image, cli, { scratch, folder }) {
  if (image.repair === undefined)
    return onCopy(image, { scratch, folder }, (copy) => unchanged(image, cli, copy));
  const found = [];
  for (const mode of MODES) {
    found.push(...(await onCopy(image, { scratch, folder }, (copy) => asRecorded(image, mode, cli, copy))));
  }
  return found;
}

async function unchanged(image, cli, copy) {
  const run = await cli(["check", "--repair", "all", "--quiet", image.top], { cwd: copy });
  if (run.exit !== 0) return [`repair of a sound image: ${howItEnded(run)}`];
  const sha256 = await fileSha256(join(copy, image.top));
  return sha256 === image.file_sha256[image.top] ? [] : ["repair changed a sound image"];
}

async function asRecorded(image, mode, cli, copy) {
  const recorded = image.repair[mode];
  const name = `check --repair ${mode}`;
  const run = await cli(["check", "--repair", mode, "--json", image.top], { cwd: copy });
  const found = run.exit === recorded.exit ? [] : [`${name}: expected ${recorded.exit}, ${howItEnded(run)}`];
  if (recorded.json !== undefined) found.push(...fixedCounts(name, recorded.json, run));
  const after = await cli(["check", "--quiet", image.top], { cwd: copy });
  if (after.exit !== recorded.check_after.exit) {
    found.push(`check after ${name}: expected ${recorded.check_after.exit}, ${howItEnded(after)}`);
  }
  const sha = await cli(["sha", image.top, "--algorithm", "sha256"], { cwd: copy });
  if (sha.text.toString() !== `${recorded.guest_sha256_after}\n`) found.push(`contents after ${name} differ`);
  return [...found, ...(await asQemuSees(name, image, recorded, copy))];
}

function fixedCounts(name, expected, run) {
  const actual = JSON.parse(run.text.toString());
  return FIXED.filter((key) => actual[key] !== expected[key]).map(
    (key) => `${name}: ${key} is ${actual[key]}, QEMU had ${expected[key]}`,
  );
}

async function asQemuSees(name, image, recorded, copy) {
  if (!hasTool("qemu-img")) return [];
  const run = await runCommand("qemu-img", ["check", "-q", image.top], { cwd: copy });
  return run.exit === recorded.check_after.exit ? [] : [`qemu-img check after ${name}: ${howItEnded(run)}`];
}
