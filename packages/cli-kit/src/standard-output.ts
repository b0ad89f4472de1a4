// Data on stdout, at the speed of whoever reads it. Owns waiting and the quiet end when the reader has
// gone (`qcow map … | head`); what is written is the commands' business.

import type { Writable } from "node:stream";
import { CommandError } from "./command-error.js";

/** The reader of stdout closed it: not an error, but nothing more can be done. */
export class OutputClosedError extends Error {
  override readonly name = "OutputClosedError";
}

export interface WriteOptions {
  /** Stdout by default. */
  readonly stream?: Writable | undefined;
  /** Ends the waiting for a reader that does not read; the chunk may still be taken afterwards. */
  readonly signal?: AbortSignal | undefined;
}

let begun = false;

/** Whether anything was given to stdout: a document that is begun cannot be replaced by one about an error. */
export function hasOutputBegun(): boolean {
  return begun;
}

/**
 * Writes all of `chunk` and resolves once the stream has taken it, so that the caller may reuse the memory.
 *
 * @throws OutputClosedError when the reader has gone, CommandError `CLI_OUTPUT_FAILED` for other failures, and
 *   the reason of `signal` when that is aborted first.
 */
export function writeOutput(
  chunk: Uint8Array | string,
  { stream = process.stdout, signal }: WriteOptions = {},
): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    if (stream === process.stdout) begun = true;
    const onAbort = (): void => reject(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    stream.write(chunk, (error) => {
      signal?.removeEventListener("abort", onAbort);
      if (error === undefined || error === null) resolve();
      else reject(outputError(error));
    });
  });
}

/**
 * Leaves failures of stdout to those who write, and ignores those of stderr, where they could not be told.
 * Without this, Node.js ends the process with a stack, for which oclif adds a listener that throws.
 * `onFailure` is told of the first failure of stdout, as `writeOutput` says it, where those who write do not look.
 */
export function takeOverOutputErrors(onFailure: (error: Error) => void = () => {}): void {
  process.stdout.removeAllListeners("error");
  process.stdout.once("error", (error) => onFailure(outputError(error)));
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
}

function outputError(error: Error): Error {
  if (isBrokenPipe(error)) return new OutputClosedError("the reader of the output has gone");
  return new CommandError("CLI_OUTPUT_FAILED", `cannot write the output: ${error.message}`, { cause: error });
}

/** Whether `error` says that nobody reads stdout any more. A broken pipe elsewhere does not. */
export function isOutputClosed(error: unknown): boolean {
  return error instanceof Error && error.name === "OutputClosedError";
}

function isBrokenPipe(error: Error): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "EPIPE" || code === "ERR_STREAM_DESTROYED";
}
