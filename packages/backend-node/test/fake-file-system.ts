// node:fs with single functions replaced, for what no real file system does on demand.

import * as nodeFs from "node:fs";
import type { FileSystem } from "@qcow/backend-node";

export const realFs: FileSystem = nodeFs;

/** Whoever replaces `write` sees all writes. */
export function fsWith(overrides: Partial<FileSystem>): FileSystem {
  const { writeSync } = "write" in overrides ? { writeSync: undefined } : realFs;
  return { ...realFs, writeSync, ...overrides };
}

/** An error as node:fs gives it. */
export function hostErrorOf(code: string): Error & { code: string } {
  return Object.assign(new Error(`${code}: made up`), { code });
}
