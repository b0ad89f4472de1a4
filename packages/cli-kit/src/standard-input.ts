// Data on stdin, as a stream. Owns that a terminal is not waited for, and what stdin is: a pipe, or a file.

import { type BigIntStats, createReadStream, fstat } from "node:fs";
import type { Readable } from "node:stream";
import { CommandError } from "./command-error.js";

const STDIN = 0;
/** Bytes of a chunk where stdin is a file. */
const CHUNK_BYTES = 1024 * 1024;

export interface StandardInput {
  /** A chunk is valid until the next one is asked for. */
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
  const { isatty } = await import("node:tty");
  if (isatty(STDIN))
    throw new CommandError("CLI_USAGE", `${what} is wanted on stdin, which is a terminal`, {
      hint: "Pipe it in, or redirect stdin from a file.",
    });
  const stats = await statsOf(STDIN);
  if (stats?.isFIFO() || stats?.isSocket()) {
    const { pipeChunks } = await import("@qcow/backend-node");
    const stop = new AbortController();
    const source = pipeChunks(STDIN, AbortSignal.any([signal, stop.signal]));
    return { source, identity: undefined, close: () => stop.abort() };
  }
  const { addAbortSignal } = await import("node:stream");
  const stream = stats?.isFile() ? openFile() : process.stdin;
  return {
    source: addAbortSignal(signal, stream),
    identity: identityOf(stats),
    close: () => void stream.destroy(),
  };
}

/** From where the descriptor stands: whoever ran us may have read a part. */
function openFile(): Readable {
  return createReadStream("", { fd: STDIN, autoClose: false, highWaterMark: CHUNK_BYTES });
}

function statsOf(fd: number): Promise<BigIntStats | undefined> {
  return new Promise((resolve) => {
    fstat(fd, { bigint: true }, (error, stats) => resolve(error ? undefined : stats));
  });
}

function identityOf(stats: BigIntStats | undefined): string | undefined {
  if (stats?.isBlockDevice()) return `device:${stats.rdev}`;
  return stats?.isFile() ? `${stats.dev}:${stats.ino}` : undefined;
}
