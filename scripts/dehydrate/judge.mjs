// Owns judging one image: dehydrated, made into an image again, and compared. Each judge gives lines of differences.
import { deepStrictEqual } from "node:assert";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { isEncrypted } from "../corpus/recorded.mjs";
import { checkAnswer, mapAnswer } from "./answers.mjs";
import { roundTrip } from "./round-trip.mjs";

/** Codes that dehydrate may end with, of files that are no qcow2 images. */
const NO_IMAGE = ["QCOW2_BAD_MAGIC", "QCOW2_TRUNCATED"];

/**
 * Malformed images of which a check finds something else afterwards, and why that is so: what it looked at is left out, since
 * it is contents of the disk as well.
 */
const DIFFERENT = new Map([
  ["data-at-refblock.qcow2", "a refcount block is a data cluster too"],
  ["l1-size-32mib.qcow2", "the L1 table runs over all data"],
  ["reftable-clusters-8mib.qcow2", "the refcount table runs over all data"],
  ["snap-l1-huge.qcow2", "the L1 table of a snapshot runs over all data"],
  ["snap-nb-too-many.qcow2", "the snapshot table runs over data"],
]);

/** An image of the corpus: check as recorded, ours and QEMU's; the same map; nothing of the contents. */
export async function judgeRecorded(image, { folder, scratch, qemu, sums }) {
  return await inFolder(image.name, scratch, async (copy) => {
    for (const name of image.files) if (name !== image.top) await copyInto(copy, folder, name);
    const lines = await roundTrip(join(folder, image.top), join(copy, image.top), sums);
    const [before, after] = [join(folder, image.top), join(copy, image.top)];
    lines.push(...same("check", await checkAnswer(before), await checkAnswer(after)));
    lines.push(...same("map", await mapAnswer(before), await mapAnswer(after)));
    if (qemu !== undefined) lines.push(...(await checkedByQemu(image, folder, copy, qemu)));
    return lines;
  });
}

/** A malformed image: a clear refusal of what is none; everything else comes out as it went in, as far as a check goes. */
export async function judgeMalformed(name, { folder, scratch, sums }) {
  return await inFolder(name, scratch, async (copy) => {
    try {
      const lines = await roundTrip(join(folder, name), join(copy, name), sums);
      const found = same("check", await checkAnswer(join(folder, name)), await checkAnswer(join(copy, name)));
      if (!DIFFERENT.has(name)) return [...lines, ...found];
      return found.length > 0 ? lines : [...lines, "check finds the same: take it out of the list"];
    } catch (error) {
      if (error.name !== "FormatError" || !NO_IMAGE.includes(error.code)) throw error;
      sums.refused = (sums.refused ?? 0) + 1;
      return [];
    }
  });
}

async function inFolder(name, scratch, judge) {
  const copy = await mkdtemp(join(scratch, `${name}-`));
  try {
    return { name, lines: await judge(copy) };
  } catch (error) {
    return { name, lines: [`the judge failed: ${error.stack}`] };
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

async function copyInto(copy, folder, name) {
  await mkdir(join(copy, name, ".."), { recursive: true });
  await cp(join(folder, name), join(copy, name));
}

/** The first difference of two answers. */
function same(what, before, after) {
  try {
    deepStrictEqual(after, before);
    return [];
  } catch (error) {
    return [`${what}: ${error.message.split("\n").slice(0, 12).join(" ")}`];
  }
}

async function checkedByQemu(image, folder, copy, qemu) {
  // Those were recorded with their key.
  const expected = isEncrypted(image) ? await qemu.exitCode(folder, image.top) : image.check.exit;
  const exit = await qemu.exitCode(copy, image.top);
  return exit === expected ? [] : [`qemu-img check: exit ${exit}, not ${expected}`];
}
