// Opening the bytes of an image that a command changes: local files only, locked against everybody else who writes.
// Owns the wiring of lock, holes, tracing and `--unsafe-buffering`; what an image means is open-writable-image.ts.

import { type BlockBackend, ForwardingBackend, type IoOptions } from "@qcow/block";
import { parseAddress } from "./backend-address.js";
import { CommandError } from "./command-error.js";
import { traced } from "./trace-log.js";

export interface OpenForWritingOptions extends IoOptions {
  /** Given each line of `--trace`; absent when nothing is traced. */
  readonly trace?: ((line: string) => void) | undefined;
  /** Flushes do nothing: fast, and after a power failure the image may be lost. */
  readonly unsafeBuffering?: boolean | undefined;
  /** Appended to the lines of `trace`, where more than one file is open. */
  readonly name?: string | undefined;
  /** Given a line when the file could not be locked, because this system has no such locks. */
  readonly warn?: ((line: string) => void) | undefined;
  /** See backend-node's `OpenFileOptions`. */
  readonly atOnceBytes?: number | undefined;
  /** Makes the file, and rejects with `BACKEND_EXISTS` when there is one. */
  readonly exclusive?: boolean | undefined;
}

/**
 * Opens a path or `file:` URL for reading and writing, under an exclusive lock that QEMU honours too. The caller closes it.
 *
 * @throws CommandError `CLI_READ_ONLY_ADDRESS` for a URL of another scheme, BackendError `BACKEND_LOCKED` when somebody else
 *   has the file open for writing.
 */
export async function openForWriting(
  address: string,
  options: OpenForWritingOptions = {},
): Promise<BlockBackend> {
  const { scheme, location } = parseAddress(address);
  if (scheme !== "file") throw unwritable(scheme);
  const { openWritable } = await import("@qcow/backend-node");
  const opened = await openWritable(location, {
    lock: "exclusive",
    sparse: true,
    exclusive: options.exclusive,
    atOnceBytes: options.atOnceBytes,
    signal: options.signal,
  });
  if (opened.lock === "unavailable") options.warn?.(UNLOCKED);
  const file: BlockBackend = opened;
  const seen = options.trace === undefined ? file : traced(file, options.trace, options.name);
  return options.unsafeBuffering === true ? new UnflushedBackend(seen) : seen;
}

const UNLOCKED =
  "it cannot be locked on this system; make sure that nobody else, a VM for example, has it open";

/** Leaves it to the host when writes become durable. */
class UnflushedBackend extends ForwardingBackend {
  override async flush({ signal }: IoOptions = {}): Promise<void> {
    signal?.throwIfAborted();
  }
}

function unwritable(scheme: string): CommandError {
  return new CommandError("CLI_READ_ONLY_ADDRESS", `${scheme}: addresses can only be read`, {
    hint: "Make a local copy, and change that.",
  });
}
