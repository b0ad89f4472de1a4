// Real clients of NBD, where they are on this machine.

import { execFile, spawnSync } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Whether to skip tests that need `tool`. */
export function skips(tool: string): boolean {
  return spawnSync(tool, ["--version"], { stdio: "ignore" }).error !== undefined;
}

/** What a client prints; rejects when it fails, or takes longer than a client that hangs. */
export async function outputOf(tool: string, ...args: string[]): Promise<string> {
  const { stdout } = await run(tool, args, { timeout: 50_000, maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}
