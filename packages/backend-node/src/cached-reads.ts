// Reads of what the host has in memory, at once: a turn through the thread pool takes ten times as long as such a read.
// Owns when that is tried; what is not in memory, and every error, is the pool's.

import type { Libc } from "./libc.js";

/** Longer reads are worth a thread, unless nobody would wait meanwhile: copying them takes longer than the way there. */
export const BYTES_MAX_DEFAULT = 128 * 1024;

/** What one open file has been found out about. */
export class CachedReads {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #bytesMax: number;
  /** Which call does it. A file system that is memory may not know the first one, and never waits. */
  #how: "readCached" | "readNow" | undefined = "readCached";

  constructor(libc: Libc, fd: number, bytesMax = BYTES_MAX_DEFAULT) {
    this.#libc = libc;
    this.#fd = fd;
    this.#bytesMax = bytesMax;
  }

  /** Fills `target` from its start on with what is at `offset`, as far as that is in memory; returns how many bytes. */
  read(offset: number, target: Uint8Array): number {
    if (this.#how === undefined || target.length > this.#bytesMax) return 0;
    const count = this.#libc[this.#how](this.#fd, target, offset);
    if (count !== "never") return count;
    this.#how = this.#libc.isInMemory(this.#fd) ? "readNow" : undefined;
    return this.#how === undefined ? 0 : this.#libc.readNow(this.#fd, target, offset);
  }
}
