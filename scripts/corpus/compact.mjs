// Owns the aspect that compacts a copy of an image: everything that is in it must read as before, the file must not be longer,
// and QEMU must find nothing wrong. Images that are refused must be left byte for byte. Returns lines of differences.
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { hasTool } from "../bench/tool.mjs";
import { howItEnded, runCommand } from "./command.mjs";
import { snapshots, wholeDisk } from "./contents.mjs";
import { differences } from "./difference.mjs";
import { fileSha256 } from "./fingerprint.mjs";
import { onCopy } from "./on-copy.mjs";
import { isEncrypted } from "./recorded.mjs";

/** What images are refused for, by the code at the end of the message. */
const REFUSALS = /\((QCOW2_[A-Z0-9_]+)\)/;
/** Exit codes of the recorded check of images that can be compacted: sound, or with leaks. */
const COMPACTABLE = [0, 3];

/** `compact` of a copy; undefined for images that cannot be written to. */
export async function compact(image, cli, { scratch, folder }) {
  return await onCopy(image, { scratch, folder }, (copy) => compacted(image, cli, copy));
}

async function compacted(image, cli, copy) {
  const path = join(copy, image.top);
  const inCopy = (args, options) => cli(args, { ...options, cwd: copy });
  const [sizeBefore, infoBefore] = [(await stat(path)).size, await qemuInfo(image, copy)];
  const run = await inCopy(["compact", "--json", image.top]);
  if (run.exit !== 0) return await refused(image, run, path);
  const found = [];
  const sizeAfter = (await stat(path)).size;
  if (sizeAfter > sizeBefore) found.push(`compact made ${sizeBefore} bytes ${sizeAfter}`);
  const contents = [await wholeDisk(image, inCopy), await snapshots(image, inCopy)];
  found.push(...contents.flatMap((lines) => lines ?? []).map((line) => `after compact: ${line}`));
  if (infoBefore === undefined) return found;
  const infoAfter = await qemuInfo(image, copy);
  found.push(...differences(infoBefore, infoAfter, {}).map((line) => `qemu-img info after compact: ${line}`));
  const check = await runCommand("qemu-img", ["check", "-q", image.top], { cwd: copy });
  if (check.exit !== 0) found.push(`qemu-img check after compact: ${howItEnded(check)}`);
  return found;
}

async function refused(image, run, path) {
  const code = REFUSALS.exec(run.stderr)?.[1];
  const isMarked = image.info.json["format-specific"]?.data.corrupt === true;
  const mustWork = COMPACTABLE.includes(image.check.exit) && !isEncrypted(image) && !isMarked;
  if (run.exit !== 1 || code === undefined || mustWork) return [`compact: ${howItEnded(run)}`];
  const sha256 = await fileSha256(path);
  return sha256 === image.file_sha256[image.top]
    ? undefined
    : [`compact refused (${code}), and changed the file`];
}

/** What the header, snapshots and bitmaps say, in QEMU's words; undefined without QEMU. */
async function qemuInfo(image, copy) {
  if (!hasTool("qemu-img")) return undefined;
  const run = await runCommand("qemu-img", ["info", "--output=json", image.top], { cwd: copy });
  if (run.exit !== 0) return undefined;
  const { "actual-size": _, children: __, "dirty-flag": ___, ...info } = JSON.parse(run.text.toString());
  return info;
}
