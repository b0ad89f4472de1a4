// Lets the guest go first: whoever works in the background pauses in proportion to what it did, while the guest is active.

import type { TimeBackend } from "@qcow/block";
import type { RangeLocks } from "../write/range-locks.js";

/** Times that a pause is as long as the work before it: what is left for the guest is at least four fifths. */
const PAUSE_FACTOR = 4;
const PAUSE_MS_MAX = 1000;

export class Pace {
  readonly #time: TimeBackend;
  readonly #locks: RangeLocks;
  readonly #signal: AbortSignal;
  #sinceMs: number;
  #claims: number;

  constructor(time: TimeBackend, locks: RangeLocks, signal: AbortSignal) {
    this.#time = time;
    this.#locks = locks;
    this.#signal = signal;
    this.#sinceMs = time.monotonicMs();
    this.#claims = locks.total;
  }

  /** A piece of work begins. */
  begin(): void {
    this.#sinceMs = this.#time.monotonicMs();
    this.#claims = this.#locks.total;
  }

  /** It has ended: pauses if the guest has asked for something meanwhile, and begins anew. */
  async pause(): Promise<void> {
    const elapsedMs = this.#time.monotonicMs() - this.#sinceMs;
    if (this.#locks.total !== this.#claims && elapsedMs > 0) {
      const ms = Math.min(PAUSE_MS_MAX, elapsedMs * PAUSE_FACTOR);
      await this.#time.sleep(ms, { signal: this.#signal });
    }
    this.begin();
  }
}
