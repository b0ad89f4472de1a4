// Looks for the next request for a little while after one, instead of sleeping at once: to be woken takes a host longer than
// a short read does. Owns when that is worth its processor time, as QEMU's threads for I/O do it: a client whose next request
// did not come in time is not waited for so soon again.

import { afterTurn } from "@qcow/block";

/** Turns of the event loop without a request before the process sleeps: some 100 µs. */
const TURNS_MAX = 40;
/** Most requests that go by without polling after it was in vain. */
const SKIPPED_MAX = 1024;

export class Polling {
  #turns = 0;
  #isPolling = false;
  #skipped = 0;
  #skip = 0;

  /** To be called for each request as it comes. */
  noteRequest(): void {
    if (this.#isPolling) {
      this.#turns = 0;
      this.#skipped = 0;
    } else if (this.#skip > 0) this.#skip--;
    else {
      this.#isPolling = true;
      this.#turns = 0;
      afterTurn(this.#look);
    }
  }

  // One function for all turns.
  readonly #look = (): void => {
    this.#turns++;
    if (this.#turns < TURNS_MAX) {
      afterTurn(this.#look);
      return;
    }
    this.#isPolling = false;
    this.#skipped = Math.min(SKIPPED_MAX, Math.max(1, 2 * this.#skipped));
    this.#skip = this.#skipped;
  };
}
