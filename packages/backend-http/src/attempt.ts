// One try to get an answer: the signal that ends it, and the watch for silence. Owns the timeout, which is one
// of silence and never of the whole; a slow line is no failure.

import type { TimeBackend } from "@qcow/block";

export class Attempt {
  readonly #controller = new AbortController();
  readonly #time: TimeBackend;
  readonly #idleMs: number;
  readonly #outer: AbortSignal;
  readonly #watch = new AbortController();
  readonly #onOuterAbort = () => this.#controller.abort(this.#outer.reason);
  #lastMs: number;

  /** `silence` makes the reason with which the attempt ends when nothing came for `idleMs`. */
  constructor(time: TimeBackend, idleMs: number, outer: AbortSignal, silence: () => Error) {
    this.#time = time;
    this.#idleMs = idleMs;
    this.#outer = outer;
    this.#lastMs = time.monotonicMs();
    if (outer.aborted) this.#onOuterAbort();
    else outer.addEventListener("abort", this.#onOuterAbort, { once: true });
    void this.#watchForSilence(silence);
  }

  /** Ends the request; aborted with a reason that is fit to be thrown. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Something came: silence counts from now on. */
  touch(): void {
    this.#lastMs = this.#time.monotonicMs();
  }

  /** Until the next `touch` it is not the server who is waited for. */
  hold(): void {
    this.#lastMs = Number.POSITIVE_INFINITY;
  }

  /** `work`, or the reason for which the attempt ends before that, whether `work` looks at the signal or not. */
  race<T>(work: Promise<T>): Promise<T> {
    const { signal } = this;
    return new Promise((resolve, reject) => {
      const abort = () => reject(signal.reason);
      if (signal.aborted) abort();
      signal.addEventListener("abort", abort, { once: true });
      const settled = () => signal.removeEventListener("abort", abort);
      work.finally(settled).then(resolve, reject);
    });
  }

  /** Stops watching. What is still under way for this attempt is given up. */
  end(): void {
    this.#watch.abort();
    this.#outer.removeEventListener("abort", this.#onOuterAbort);
  }

  // One sleeper that looks when it wakes: a timer for each chunk would cost more than the chunk.
  async #watchForSilence(silence: () => Error): Promise<void> {
    try {
      for (let leftMs = this.#idleMs; leftMs > 0; leftMs = this.#leftMs())
        await this.#time.sleep(leftMs, { signal: this.#watch.signal });
      this.#controller.abort(silence());
    } catch {
      // The attempt ended first.
    }
  }

  #leftMs(): number {
    return Math.min(this.#lastMs + this.#idleMs - this.#time.monotonicMs(), this.#idleMs);
  }
}
