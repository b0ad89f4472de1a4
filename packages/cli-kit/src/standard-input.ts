// Data on stdin, as a stream. Owns that a terminal is not waited for, and what stdin is when it is a file.

import { fstat } from "node:fs";
import { addAbortSignal } from "node:stream";
import { CommandError } from "./command-error.js";

export interface StandardInput {
  readonly source: AsyncIterable<Uint8Array>;
  /** That of the file that stdin was redirected from (`ReadableBlockBackend.identity`); undefined for a pipe. */
  readonly identity: string | undefined;
  close(): void;
}

/**
 * Opens stdin; its chunks are errors with the reason of `signal` once that is aborted. `what` is what is wanted there.
 *
 * @throws CommandError `CLI_USAGE` when it is a terminal.
 */
export async function openStandardInput(what: string, signal: AbortSignal): Promise<StandardInput> {
  const { stdin } = process;
  if (stdin.isTTY)
    throw new CommandError("CLI_USAGE", `${what} is wanted on stdin, which is a terminal`, {
      hint: "Pipe it in, or redirect stdin from a file.",
    });
  const identity = await identityOfDescriptor(0);
  return { source: addAbortSignal(signal, stdin), identity, close: () => void stdin.destroy() };
}

function identityOfDescriptor(fd: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    fstat(fd, { bigint: true }, (error, stats) => {
      if (error) resolve(undefined);
      else if (stats.isBlockDevice()) resolve(`device:${stats.rdev}`);
      else resolve(stats.isFile() ? `${stats.dev}:${stats.ino}` : undefined);
    });
  });
}
