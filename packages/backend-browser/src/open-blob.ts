// A Blob or File of a browser as storage to be read. Owns the rules of the contract and what the browser's
// failures mean. Reads slices only: a file of any size takes no memory of its own.

import type { IoOptions } from "@qcow/block";
import { BackendError, type BackendErrorCode, checkRange, type ReadableBlockBackend } from "@qcow/block";

/** The browser hands each slice out as a copy: so much of it may exist at once for one read. */
const SLICE_BYTES_MAX = 4 * 1024 * 1024;

/**
 * The bytes of `blob`: a dropped or chosen file, or one made by the page. `label` is what messages call it; a file's
 * own name when absent. When the file on the disk changes after it was chosen, browsers refuse to read it, and so do
 * reads here (`BACKEND_CHANGED`).
 */
export function openBlob(blob: Blob, label = nameOf(blob)): ReadableBlockBackend {
  return new BlobBackend(blob, label);
}

class BlobBackend implements ReadableBlockBackend {
  readonly label: string;
  readonly #blob: Blob;
  #closed = false;

  constructor(blob: Blob, label: string) {
    this.#blob = blob;
    this.label = label;
  }

  async size(options?: IoOptions): Promise<number> {
    this.#enter(options);
    return this.#blob.size;
  }

  async read(offset: number, target: Uint8Array, options?: IoOptions): Promise<void> {
    const { length } = target;
    checkRange(offset, length, this.label);
    this.#enter(options);
    if (length === 0) return;
    // The browser would hand out what there is, and say nothing.
    if (offset + length > this.#blob.size) throw this.#error("BACKEND_SHORT_READ", offset, length);
    for (let at = 0; at < length; at += SLICE_BYTES_MAX) {
      const end = Math.min(at + SLICE_BYTES_MAX, length);
      target.set(await this.#slice(offset + at, offset + end), at);
      options?.signal?.throwIfAborted();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #enter(options: IoOptions | undefined): void {
    if (this.#closed)
      throw new BackendError("BACKEND_CLOSED", `${this.label} is closed`, { label: this.label });
    options?.signal?.throwIfAborted();
  }

  async #slice(start: number, end: number): Promise<Uint8Array> {
    let bytes: Uint8Array;
    try {
      bytes = new Uint8Array(await this.#blob.slice(start, end).arrayBuffer());
    } catch (cause) {
      throw this.#error(codeOf(cause), start, end - start, cause);
    }
    if (bytes.length !== end - start) throw this.#error("BACKEND_SHORT_READ", start, end - start);
    return bytes;
  }

  #error(code: keyof typeof REASONS, offset: number, length: number, cause?: unknown): BackendError {
    const message = `${this.label}: ${REASONS[code]} (${length} bytes at ${offset})`;
    return new BackendError(code, message, { label: this.label, offset, length, cause });
  }
}

const REASONS = {
  BACKEND_SHORT_READ: "the file ends before the end of the range",
  BACKEND_NOT_FOUND: "the file is no longer where it was chosen from",
  BACKEND_CHANGED:
    "the browser does not read it any more: the file changed after it was chosen; choose it again",
  BACKEND_PERMISSION: "the browser does not permit reading it",
  BACKEND_IO: "the browser cannot read it",
} as const satisfies Partial<Record<BackendErrorCode, string>>;

/** What the names of the File API's failures mean. */
function codeOf(error: unknown): keyof typeof REASONS {
  const name = error instanceof Error ? error.name : "";
  if (name === "NotFoundError") return "BACKEND_NOT_FOUND";
  if (name === "NotReadableError") return "BACKEND_CHANGED";
  return name === "SecurityError" ? "BACKEND_PERMISSION" : "BACKEND_IO";
}

function nameOf(blob: Blob): string {
  const { name } = blob as { readonly name?: unknown };
  return typeof name === "string" && name !== "" ? name : "blob";
}
