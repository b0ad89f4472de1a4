// Who wants to know that a signal aborts. Owns one listener for each signal, however many reads share it: hosts warn
// of signals that have many.

export class Cancellations {
  readonly #bySignal = new Map<AbortSignal, Set<() => void>>();

  /** Calls `callback` when `signal` aborts, until it is removed. */
  add(signal: AbortSignal, callback: () => void): void {
    const callbacks = this.#bySignal.get(signal);
    if (callbacks !== undefined) {
      callbacks.add(callback);
      return;
    }
    this.#bySignal.set(signal, new Set([callback]));
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  remove(signal: AbortSignal, callback: () => void): void {
    const callbacks = this.#bySignal.get(signal);
    if (callbacks?.delete(callback) && callbacks.size === 0) this.#forget(signal);
  }

  readonly #onAbort = (event: Event): void => {
    const signal = event.target as AbortSignal;
    const callbacks = this.#bySignal.get(signal) ?? [];
    this.#forget(signal);
    for (const callback of callbacks) callback();
  };

  #forget(signal: AbortSignal): void {
    this.#bySignal.delete(signal);
    signal.removeEventListener("abort", this.#onAbort);
  }
}
