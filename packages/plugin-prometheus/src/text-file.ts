// A file that is there as a whole or not at all: whoever reads it sees the old or the new text. Owns the temporary file.

import { randomBytes } from "node:crypto";
import { access, constants, lstat, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { UsageError } from "./usage-error.js";

/**
 * Rejects when no file can be made beside `path`, and when something is there that must not be replaced by one, such as
 * /dev/null, or a disk image: to be asked before the work, not after it.
 */
export async function requireReplaceable(path: string): Promise<void> {
  try {
    await access(dirname(path), constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new UsageError(`--metrics-file: no file can be made in ${dirname(path)}`, { cause });
  }
  const found = await lstat(path).catch(() => undefined);
  if (found !== undefined && !found.isFile())
    throw new UsageError(`--metrics-file: ${path} is no regular file, and will not be replaced by one`);
  // A slip of the hand must not cost an image.
  if (found !== undefined && found.size > 0 && !(await isMetrics(path)))
    throw new UsageError(
      `--metrics-file: ${path} holds something else than metrics, and will not be replaced by them`,
    );
}

/** Whether a file begins as each text of metrics does, with a comment. */
async function isMetrics(path: string): Promise<boolean> {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return false;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer.toString("latin1") === "# ";
  } finally {
    await file.close();
  }
}

/** Replaces the file at `path`, durably. */
export async function writeWhole(path: string, text: string): Promise<void> {
  // The collector reads *.prom; this is not one.
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    const file = await open(temporary, "wx", 0o644);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/** The name is durable then, where the system can say so. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r").catch(() => undefined);
  try {
    await folder?.sync();
  } catch {
    // Some file systems cannot; the text itself is durable.
  } finally {
    await folder?.close();
  }
}
