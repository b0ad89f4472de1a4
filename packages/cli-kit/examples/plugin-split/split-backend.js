// An image that lies in pieces beside each other, NAME.000, NAME.001, …, as `split -d -a 3 -b SIZE disk.qcow2 disk.qcow2.`
// makes them. Owns finding the pieces and reading across their ends; what is in them is qcow's business.

import { open, readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { BackendError, checkRange } from "@qcow/block";

/** Opens all pieces of the image `path` for reading. */
export async function openSplit(path) {
  const pieces = [];
  try {
    let start = 0;
    for (const name of await namesOf(path)) {
      const file = await open(join(dirname(path), name), "r");
      const { size } = await file.stat();
      pieces.push({ file, start, end: start + size });
      start += size;
    }
  } catch (error) {
    await closeAll(pieces);
    throw fault(error, path);
  }
  return new SplitBackend(path, pieces);
}

class SplitBackend {
  label;
  #pieces;
  #closed = false;

  constructor(path, pieces) {
    this.label = path;
    this.#pieces = pieces;
  }

  async size({ signal } = {}) {
    this.#check(0, 0, signal);
    return this.#pieces.at(-1).end;
  }

  /** Fills `target` or rejects: a read is never short. */
  async read(offset, target, { signal } = {}) {
    const end = offset + target.byteLength;
    this.#check(offset, target.byteLength, signal);
    for (const { file, start, end: pieceEnd } of this.#pieces) {
      const from = Math.max(offset, start);
      const to = Math.min(end, pieceEnd);
      if (from >= to) continue;
      signal?.throwIfAborted();
      await this.#fill(file, from - start, target.subarray(from - offset, to - offset));
    }
  }

  async close() {
    if (this.#closed) return;
    this.#closed = true;
    await closeAll(this.#pieces);
  }

  [Symbol.asyncDispose]() {
    return this.close();
  }

  async #fill(file, position, target) {
    for (let done = 0; done < target.byteLength; ) {
      const rest = target.byteLength - done;
      const { bytesRead } = await file.read(target, done, rest, position + done).catch((error) => {
        // Closed meanwhile: then it is nobody's fault.
        throw this.#closed ? this.#closedError() : fault(error, this.label);
      });
      if (bytesRead === 0) throw new BackendError("BACKEND_CHANGED", `a piece of ${this.label} got shorter`);
      done += bytesRead;
    }
  }

  #closedError() {
    return new BackendError("BACKEND_CLOSED", `${this.label} is closed`, { label: this.label });
  }

  #check(offset, length, signal) {
    signal?.throwIfAborted();
    const { label } = this;
    checkRange(offset, length, label);
    if (this.#closed) throw this.#closedError();
    if (offset + length > this.#pieces.at(-1).end)
      throw new BackendError("BACKEND_SHORT_READ", `${label} ends before that`, { label, offset, length });
  }
}

/** The pieces in order: none may be missing. */
async function namesOf(path) {
  const prefix = `${basename(path)}.`;
  const all = await readdir(dirname(path));
  const names = all.filter((name) => name.startsWith(prefix) && /^[0-9]{3}$/.test(name.slice(prefix.length)));
  names.sort();
  const missing = names.findIndex((name, index) => Number(name.slice(prefix.length)) !== index);
  if (names.length === 0 || missing !== -1) {
    const piece = `${path}.${String(Math.max(0, missing)).padStart(3, "0")}`;
    throw new BackendError("BACKEND_NOT_FOUND", `there is no ${piece}`, { label: path });
  }
  return names;
}

async function closeAll(pieces) {
  await Promise.all(pieces.map(({ file }) => file.close()));
}

/** What the system said, in the words of @qcow/block: any other error would be reported as a bug. */
function fault(error, label) {
  if (error instanceof BackendError) return error;
  const codes = { ENOENT: "BACKEND_NOT_FOUND", ENOTDIR: "BACKEND_NOT_FOUND", EACCES: "BACKEND_PERMISSION" };
  return new BackendError(codes[error.code] ?? "BACKEND_IO", `${label}: ${error.message}`, {
    label,
    cause: error,
  });
}
