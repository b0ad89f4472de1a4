// Signals by which the requests of a connection are cancelled, all at once. Owns that each request under way has one of its
// own, which the next one uses again: hosts warn of signals with many listeners, and making one takes longer than using it.

export class SignalPool {
  readonly #all: AbortController[] = [];
  readonly #free: AbortSignal[] = [];
  #aborted = false;

  get aborted(): boolean {
    return this.#aborted;
  }

  take(): AbortSignal {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const controller = new AbortController();
    this.#all.push(controller);
    if (this.#aborted) controller.abort();
    return controller.signal;
  }

  /** Takes back what `take` gave, when what it was for is through. */
  give(signal: AbortSignal): void {
    this.#free.push(signal);
  }

  /** Aborts what is under way, and what will be. */
  abort(): void {
    if (this.#aborted) return;
    this.#aborted = true;
    for (const controller of this.#all) controller.abort();
  }
}
