// Owns the compaction of a disk of 1 GiB that is killed: long enough for many commits, with every other cluster discarded.
import { constants } from "node:fs";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../bench/tool.mjs";

const PROGRAM = fileURLToPath(new URL("../../packages/cli/bin/run.js", import.meta.url));
const DISK = "1G";
const IMAGE = "half.qcow2";

/** The images: the disk alone, and with a snapshot that shares all of it. */
export async function prepareHalfDisk({ folder }) {
  const alone = join(folder, "half alone.qcow2");
  const shared = join(folder, "half shared.qcow2");
  const raw = join(folder, "half.raw");
  await run(process.execPath, [PROGRAM, "pattern", alone, "--size", DISK, "--pattern", "2"]);
  await run("qemu-img", ["convert", "-f", "qcow2", "-O", "raw", alone, raw]);
  await copyFile(alone, shared, constants.COPYFILE_FICLONE);
  await run("qemu-img", ["snapshot", "-c", "first", shared]);
  return [
    { name: "alone", from: alone },
    { name: "shared", from: shared },
  ].map(({ name, from }) => ({
    name,
    image: IMAGE,
    before: raw,
    after: raw,
    start: async (place) => {
      const path = join(place, IMAGE);
      // Holes stay holes, so that a copy takes what the disk holds.
      await run("cp", ["--sparse=always", "--reflink=auto", from, path]);
      return ["compact", path];
    },
  }));
}
