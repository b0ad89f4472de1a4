// A file that is there as a whole or not at all: whoever reads it sees the old or the new text. Owns the temporary file.

import { randomBytes } from "node:crypto";
import { access, constants, lstat, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { UsageError } from "./usage-error.js";

/**
 * Rejects when no file can be made beside `path`, and when something is there that must not be replaced by one, such as
 * /dev/null or /dev/stdout: to be asked before the work, not after it.
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
