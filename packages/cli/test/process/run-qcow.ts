// Runs the real program, as a user would.

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export const PROGRAM = fileURLToPath(new URL("../../bin/run.js", import.meta.url));

export interface Ran {
  readonly exitCode: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** What comes on stdin; nothing by default. */
  readonly stdin?: Uint8Array;
  /** Whether stdin stays open until the program ends; closed after `stdin` by default. */
  readonly keepStdin?: boolean;
  /** Called with the child once it runs. */
  readonly onStart?: (child: ReturnType<typeof spawn>) => void;
}

/** Runs `qcow` with `args` and collects what it prints. */
export function runQcow(
  args: readonly string[],
  { cwd, env = {}, stdin, keepStdin, onStart }: RunOptions = {},
): Promise<Ran> {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd,
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  // A program that does not read to the end breaks the pipe.
  child.stdin.on("error", () => undefined);
  if (keepStdin !== true) child.stdin.end(stdin);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  onStart?.(child);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (exitCode) => {
      resolve({ exitCode, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() });
    });
  });
}
