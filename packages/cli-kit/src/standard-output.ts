// Data on stdout, at the speed of whoever reads it. Owns waiting and the quiet end when the reader has
// gone (`qcow map … | head`); what is written is the commands' business.

import type { Writable } from "node:stream";

/** The reader of stdout closed it: not an error, but nothing more can be done. */
export class OutputClosedError extends Error {
  override readonly name = "OutputClosedError";
}

/**
 * Writes all of `chunk` and resolves once the stream has taken it, so that the caller may reuse the memory.
 *
 * @throws OutputClosedError when the reader has gone; the stream's own error otherwise.
 */
export function writeOutput(chunk: Uint8Array | string, stream: Writable = process.stdout): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(chunk, (error) => {
      if (error === undefined || error === null) resolve();
      else reject(isBrokenPipe(error) ? new OutputClosedError("the reader of the output has gone") : error);
    });
  });
}

/** Whether `error` says that nobody reads what we write. */
export function isOutputClosed(error: unknown): boolean {
  return error instanceof Error && (error.name === "OutputClosedError" || isBrokenPipe(error));
}

function isBrokenPipe(error: Error): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "EPIPE" || code === "ERR_STREAM_DESTROYED";
}
