// What counts as block storage among the things that have a path. Owns the refusal of everything
// else; opens nothing.

import { BackendError } from "@qcow/block";
import type { FileStats } from "./file-system.js";

/** Throws `BACKEND_UNSUITABLE` unless `stats` is of a regular file or a block device. */
export function checkKind(stats: FileStats, label: string): void {
  if (stats.isFile() || stats.isBlockDevice()) return;
  const message = `cannot open ${label}: ${kindOf(stats)}, neither a file nor a block device`;
  throw new BackendError("BACKEND_UNSUITABLE", message, { label });
}

function kindOf(stats: FileStats): string {
  if (stats.isDirectory()) return "a directory";
  if (stats.isFIFO()) return "a fifo";
  if (stats.isSocket()) return "a socket";
  return stats.isCharacterDevice() ? "a character device" : "something unknown";
}

/** Equal for two paths exactly when they lead to the same bytes: device nodes by the device they stand for. */
export function identityOf(stats: FileStats): string {
  return stats.isBlockDevice() ? `device:${stats.rdev}` : `${stats.dev}:${stats.ino}`;
}
