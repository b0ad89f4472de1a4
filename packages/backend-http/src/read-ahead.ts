// Notices who reads in a row, and says what to fetch before it is asked for. Owns the heads, one for each row; a row
// earns as much as it has used, so that what is fetched in vain is never more than what was read.

import type { ByteRange } from "./send-request.js";

const HEADS_MAX = 8;
/** A step over so many bytes, a table between data for instance, does not end a row. */
const STEP_BYTES_MAX = 64 * 1024;
const ROW_READS_MIN = 3;

interface Head {
  /** Where the next read of the row begins. */
  next: number;
  reads: number;
  /** Bytes read in this row. */
  bytes: number;
  /** Up to where it was fetched. */
  ahead: number;
}

export class ReadAhead {
  readonly #bytesMax: number;
  readonly #blockBytes: number;
  readonly #size: number;
  /** The most recently used last. */
  readonly #heads: Head[] = [];

  /** At most `bytesMax` bytes ahead of each row, in blocks of `blockBytes`, of a file of `size` bytes. */
  constructor(bytesMax: number, blockBytes: number, size: number) {
    this.#bytesMax = bytesMax;
    this.#blockBytes = blockBytes;
    this.#size = size;
  }

  /** Somebody reads from `start` up to `end`. What to fetch now, if anything. */
  note(start: number, end: number): ByteRange | undefined {
    const head = this.#headAt(start);
    head.next = end;
    head.reads += 1;
    head.bytes += end - start;
    head.ahead = Math.max(head.ahead, this.#blockEnd(end));
    const window = Math.min(this.#bytesMax, head.bytes);
    const target = Math.min(this.#blockEnd(end + window), this.#size);
    if (head.reads < ROW_READS_MIN || target <= head.ahead) return undefined;
    // Half a window at a time, or all that is left: a request for each block would be no gain.
    if (target < this.#size && target - head.ahead < window / 2) return undefined;
    const range = { start: head.ahead, end: target };
    head.ahead = target;
    return range;
  }

  #headAt(start: number): Head {
    const index = this.#heads.findIndex(({ next }) => start >= next && start - next <= STEP_BYTES_MAX);
    const [found] = index === -1 ? [] : this.#heads.splice(index, 1);
    const head = found ?? { next: start, reads: 0, bytes: 0, ahead: 0 };
    if (this.#heads.length >= HEADS_MAX) this.#heads.shift();
    this.#heads.push(head);
    return head;
  }

  #blockEnd(offset: number): number {
    return Math.ceil(offset / this.#blockBytes) * this.#blockBytes;
  }
}
