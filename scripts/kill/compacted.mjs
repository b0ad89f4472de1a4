// Owns what must be true of an image whose compaction was ended: the disk is as it was, and another compaction makes the file
// as short as the first would have. Disks are compared by qemu-img: they are too large to be held in memory.
import { stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { run } from "../bench/tool.mjs";

const PROGRAM = fileURLToPath(new URL("../../packages/cli/bin/run.js", import.meta.url));

/** Rejects unless the disk of the image at `path` is that of the raw file `raw`. */
export async function sameDisk(path, raw) {
  try {
    await run("qemu-img", ["compare", "-q", "-f", "qcow2", "-F", "raw", path, raw]);
  } catch (error) {
    throw new Error(`the disk differs: qemu-img compare: ${error.code} ${error.stderr}`);
  }
}

/** Compacts the image at `path` to its end; rejects unless that changes the disk not at all, and makes the file no longer. */
export async function compactedAgain(path, raw) {
  const { size } = await stat(path);
  try {
    await run(process.execPath, [PROGRAM, "compact", path]);
  } catch (error) {
    throw new Error(`compact: exit ${error.code}: ${error.stderr.slice(0, 500)}`);
  }
  await sameDisk(path, raw);
  const { size: sizeAfter, blocks } = await stat(path);
  if (sizeAfter > size) throw new Error(`the file has ${sizeAfter} bytes, and had ${size}`);
  // What is left is data and tables, with nothing in between.
  if (blocks * 512 < 0.98 * sizeAfter)
    throw new Error(`of ${sizeAfter} bytes only ${blocks * 512} are in use`);
}
