// Reads of what the host has in memory, at once: a turn through the thread pool takes ten times as long as such a read.
// Owns when that is tried and when the pool gets its turn; what is not in memory, and every error, is the pool's.

import type { Libc } from "./libc.js";

/** Longer reads are worth a thread: copying them takes longer than the way there, and others would wait meanwhile. */
const BYTES_MAX = 128 * 1024;
/** Reads in a row before one goes through the pool, so that whoever reads and reads lets signals and timers in. */
const READS_IN_A_ROW = 32;

/** What one open file has been found out about. */
export class CachedReads {
  readonly #libc: Libc;
  readonly #fd: number;
  #isPossible = true;
  #inARow = 0;

  constructor(libc: Libc, fd: number) {
    this.#libc = libc;
    this.#fd = fd;
  }

  /** Fills `target` from its start on with what is at `offset`, as far as that is in memory; returns how many bytes. */
  read(offset: number, target: Uint8Array): number {
    if (!this.#isPossible || target.length > BYTES_MAX) return 0;
    this.#inARow = (this.#inARow + 1) % (READS_IN_A_ROW + 1);
    if (this.#inARow === 0) return 0;
    const count = this.#libc.readCached(this.#fd, target, offset);
    if (count !== "never") return count;
    this.#isPossible = false;
    return 0;
  }
}
