// Turns of the event loop between operations that are done at once. Owns how many there are in a row: whoever reads and reads
// what is in memory must not keep signals, timers and everybody else's I/O out.

import { yieldToHost } from "@qcow/block";

const OPERATIONS_IN_A_ROW = 32;

/** After so many a turn is asked for: those whose operations come with turns between them anyway never have to wait for one. */
const ASKS_AFTER = OPERATIONS_IN_A_ROW / 2;

/** Counts the operations of one open file. */
export class Turns {
  #inARow = 0;

  /** The same for operations that cannot wait: whether there may be one more before the next turn. */
  goesOn(): boolean {
    if (this.#inARow === OPERATIONS_IN_A_ROW) return false;
    this.#inARow++;
    if (this.#inARow === ASKS_AFTER) void this.#ask();
    return true;
  }

  /** To be asked before each operation: what it has to wait for first, if anything. */
  next(): Promise<void> | undefined {
    this.#inARow = (this.#inARow + 1) % (OPERATIONS_IN_A_ROW + 1);
    return this.#inARow === 0 ? yieldToHost() : undefined;
  }

  async #ask(): Promise<void> {
    await yieldToHost();
    this.#inARow = 0;
  }
}
