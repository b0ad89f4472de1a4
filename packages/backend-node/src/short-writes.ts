// Short writes, at once: the host takes them into its memory in less time than a way through the thread pool costs. Owns
// when that is tried. A host may make a writer wait (a full memory, a busy journal), and then everybody waits here; so after
// one slow write the next ones go through the pool.

import type { TimeBackend } from "@qcow/block";
import type { Descriptor } from "./positional-io.js";

/** Longer writes are worth a thread. */
const BYTES_MAX = 64 * 1024;
/** Writes in a row before one goes through the pool, so that whoever writes and writes lets signals and timers in. */
const WRITES_IN_A_ROW = 32;
/** A write that takes longer has waited for something. */
const SLOW_MS = 5;
/** How many go through the pool then: at most one in so many can keep others waiting. */
const WRITES_AFTER_SLOW = 1000;

/** What writing to one open file has been like. */
export class ShortWrites {
  readonly #file: Descriptor;
  readonly #time: TimeBackend;
  #inARow = 0;
  #avoid = 0;

  constructor(file: Descriptor, time: TimeBackend) {
    this.#file = file;
    this.#time = time;
  }

  /** Writes `source`, or its start, at `offset`; returns how many bytes. 0 also after an error: the pool gets it again. */
  write(offset: number, source: Uint8Array): number {
    const { fs, fd } = this.#file;
    if (fs.writeSync === undefined || source.length > BYTES_MAX || !this.#isTurn()) return 0;
    const start = this.#time.monotonicMs();
    try {
      return fs.writeSync(fd, source, 0, source.length, offset);
    } catch {
      return 0;
    } finally {
      if (this.#time.monotonicMs() - start > SLOW_MS) this.#avoid = WRITES_AFTER_SLOW;
    }
  }

  #isTurn(): boolean {
    if (this.#avoid > 0) {
      this.#avoid -= 1;
      return false;
    }
    this.#inARow = (this.#inARow + 1) % (WRITES_IN_A_ROW + 1);
    return this.#inARow !== 0;
  }
}
