// Positional reads and writes that go on until all is transferred. Owns the loop over short
// transfers; the file descriptor and its lifetime are the caller's.

import { BackendError } from "@qcow/block";
import type { FileSystem, HostError } from "./file-system.js";
import { hostError } from "./host-error.js";

/** The most one system call is given: Linux stops just below 2 GiB, and cancelling waits for one call. */
const CHUNK_BYTES_MAX = 64 * 1024 * 1024;

/** A file that is open. */
export interface Descriptor {
  readonly fs: FileSystem;
  readonly fd: number;
  readonly label: string;
}

/**
 * Fills `target` from `offset` on, whose first `present` bytes are there already. Rejects with `BACKEND_SHORT_READ` at
 * the end of the file.
 */
export function readFully(
  file: Descriptor,
  offset: number,
  target: Uint8Array,
  signal: AbortSignal | undefined,
  present = 0,
): Promise<void> {
  const { fs, fd, label } = file;
  return new Promise((resolve, reject) => {
    let done = present;
    const next = () => {
      if (signal?.aborted) reject(signal.reason);
      else fs.read(fd, target, done, chunk(target.length - done), offset + done, onRead);
    };
    const onRead = (error: HostError | null, count: number) => {
      if (error) return reject(hostError("read", label, error, { offset, length: target.length }));
      if (count === 0) return reject(shortRead(label, offset, target.length, done));
      done += count;
      if (done < target.length) next();
      else resolve();
    };
    if (done === target.length) resolve();
    else next();
  });
}

/** Writes all of `source` at `offset`, whose first `written` bytes are there already. */
export function writeFully(
  file: Descriptor,
  offset: number,
  source: Uint8Array,
  signal: AbortSignal | undefined,
  written = 0,
): Promise<void> {
  const { fs, fd, label } = file;
  const place = { offset, length: source.length };
  return new Promise((resolve, reject) => {
    let done = written;
    const next = () => {
      if (signal?.aborted) reject(signal.reason);
      else fs.write(fd, source, done, chunk(source.length - done), offset + done, onWritten);
    };
    const onWritten = (error: HostError | null, count: number) => {
      if (error) return reject(hostError("write", label, error, place));
      // A host that takes nothing and reports nothing would keep this loop going for ever.
      if (count === 0) return reject(hostError("write", label, new Error("the host wrote nothing"), place));
      done += count;
      if (done < source.length) next();
      else resolve();
    };
    if (done === source.length) resolve();
    else next();
  });
}

function chunk(remaining: number): number {
  return Math.min(remaining, CHUNK_BYTES_MAX);
}

function shortRead(label: string, offset: number, length: number, done: number): BackendError {
  const reason = done > 0 ? `the file ends at ${offset + done}` : "the file ends before that";
  const message = `cannot read ${length} bytes at ${offset} of ${label}: ${reason}`;
  return new BackendError("BACKEND_SHORT_READ", message, { label, offset, length });
}
