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
    if (!this.#isPossible || target.length > BYTES_MAX || this.#inARow >= READS_IN_A_ROW) return 0;
    const count = this.#libc.readCached(this.#fd, target, offset);
    if (count === "never") this.#isPossible = false;
    else if (count > 0) this.#inARow += 1;
    return count === "never" ? 0 : count;
  }

  /** A read has been through the pool: everybody else had a turn. */
  othersHadTurn(): void {
    this.#inARow = 0;
  }
}
