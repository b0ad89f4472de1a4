// Short writes, at once: the host takes them into its memory in less time than a way through the thread pool costs. Owns
// when that is tried. A host may make a writer wait (a full memory, a busy journal), and then everybody waits here; so after
// one slow write the next ones go through the pool.

import type { TimeBackend } from "@qcow/block";
import type { Descriptor } from "./positional-io.js";

/** Longer writes are worth a thread, unless nobody would wait meanwhile. */
const BYTES_MAX_DEFAULT = 64 * 1024;
/** A write that takes longer than this, and than copying so many bytes does, has waited for something. */
const SLOW_MS = 5;
const SLOW_BYTES_PER_MS = 128 * 1024;
/** How many go through the pool then: at most one in so many can keep others waiting. Fewer if they are long. */
const WRITES_AFTER_SLOW = 1000;
const BYTES_AFTER_SLOW = 64 * 1024 * 1024;

/** What writing to one open file has been like. */
export class ShortWrites {
  readonly #file: Descriptor;
  readonly #time: TimeBackend;
  readonly #bytesMax: number;
  #avoid = 0;

  constructor(file: Descriptor, time: TimeBackend, bytesMax = BYTES_MAX_DEFAULT) {
    this.#file = file;
    this.#time = time;
    this.#bytesMax = bytesMax;
  }

  /** Writes `source`, or its start, at `offset`; returns how many bytes. 0 also after an error: the pool gets it again. */
  write(offset: number, source: Uint8Array): number {
    const { fs, fd } = this.#file;
    if (fs.writeSync === undefined || source.length > this.#bytesMax || !this.#isTurn()) return 0;
    const start = this.#time.monotonicMs();
    try {
      return fs.writeSync(fd, source, 0, source.length, offset);
    } catch {
      return 0;
    } finally {
      const { length } = source;
      if (this.#time.monotonicMs() - start > SLOW_MS + length / SLOW_BYTES_PER_MS)
        this.#avoid = Math.min(WRITES_AFTER_SLOW, Math.ceil(BYTES_AFTER_SLOW / length));
    }
  }

  #isTurn(): boolean {
    if (this.#avoid === 0) return true;
    this.#avoid -= 1;
    return false;
  }
}
