// The only place that pads: reads past the end of the backend give zeros. Backends themselves are
// strict. Does not extend anything on disk, and adds nothing to a read that lies inside.

import { BackendError, isBackendError } from "./backend-error.js";
import type { BlockBackend, ReadableBlockBackend } from "./block-backend.js";
import { ForwardingBackend, ForwardingReader, isWritable } from "./forwarding.js";
import type { ReadOptions } from "./io-options.js";

/**
 * `backend`, with zeros where a read goes past its end. The size is asked only after a read came up short, and
 * then once. Rejects with `BACKEND_CHANGED` when the backend shrinks between that question and the second read.
 */
export function withPadding(backend: BlockBackend): BlockBackend;
export function withPadding(backend: ReadableBlockBackend): ReadableBlockBackend;
export function withPadding(backend: ReadableBlockBackend): ReadableBlockBackend {
  return isWritable(backend) ? new PaddedBackend(backend) : new PaddedReader(backend);
}

class PaddedReader extends ForwardingReader {
  override read(offset: number, target: Uint8Array, options?: ReadOptions): Promise<void> {
    return readPadded(this.inner, offset, target, options);
  }
}

class PaddedBackend extends ForwardingBackend {
  override read(offset: number, target: Uint8Array, options?: ReadOptions): Promise<void> {
    return readPadded(this.inner, offset, target, options);
  }
}

async function readPadded(
  inner: ReadableBlockBackend,
  offset: number,
  target: Uint8Array,
  options: ReadOptions | undefined,
): Promise<void> {
  try {
    await inner.read(offset, target, options);
  } catch (error) {
    if (!isBackendError(error, "BACKEND_SHORT_READ")) throw error;
    await readUpToEnd(inner, offset, target, options);
  }
}

async function readUpToEnd(
  inner: ReadableBlockBackend,
  offset: number,
  target: Uint8Array,
  options: ReadOptions | undefined,
): Promise<void> {
  const size = await inner.size(options);
  const present = Math.min(Math.max(size - offset, 0), target.length);
  if (present > 0) {
    await inner.read(offset, target.subarray(0, present), options).catch((error: unknown) => {
      throw isBackendError(error, "BACKEND_SHORT_READ") ? shrunk(inner, offset, present, error) : error;
    });
  }
  target.fill(0, present);
}

function shrunk(inner: ReadableBlockBackend, offset: number, length: number, cause: unknown): BackendError {
  const { label } = inner;
  return new BackendError("BACKEND_CHANGED", `${label}: shrank while it was being read`, {
    label,
    offset,
    length,
    cause,
  });
}
