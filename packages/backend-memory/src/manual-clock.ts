// A clock that stands still until a test moves it. Owns the order in which sleepers wake; knows no
// real time.

import { BackendError, type IoOptions, type TimeBackend } from "@qcow/block";

export interface ManualClockOptions {
  /** What `monotonicMs` says at the start; 0 when absent. */
  readonly monotonicMs?: number | undefined;
  /** What `wallMs` says at the start; 0, that is 1970, when absent. */
  readonly wallMs?: number | undefined;
}

interface Sleeper {
  readonly deadlineMs: number;
  readonly wake: () => void;
}

/** How many microtasks woken code gets before time moves on: enough for a chain of awaits to sleep again. */
const TURNS_PER_WAKING = 100;

export class ManualClock implements TimeBackend {
  #nowMs: number;
  #wallOffsetMs: number;
  /** By deadline; equal deadlines in the order of the calls. */
  #sleepers: Sleeper[] = [];

  constructor(options: ManualClockOptions = {}) {
    this.#nowMs = options.monotonicMs ?? 0;
    this.#wallOffsetMs = (options.wallMs ?? 0) - this.#nowMs;
  }

  /** How many are asleep. */
  get pending(): number {
    return this.#sleepers.length;
  }

  /** The monotonic time at which the next one wakes, in milliseconds. */
  get nextDeadlineMs(): number | undefined {
    return this.#sleepers[0]?.deadlineMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs + this.#wallOffsetMs;
  }

  /** Sets the wall clock, which like a real one may jump either way; sleepers do not care. */
  setWall(wallMs: number): void {
    this.#wallOffsetMs = wallMs - this.#nowMs;
  }

  async sleep(ms: number, options?: IoOptions): Promise<void> {
    if (!(ms >= 0)) throw new BackendError("BACKEND_BAD_RANGE", `cannot sleep for ${String(ms)} ms`);
    const signal = options?.signal;
    signal?.throwIfAborted();
    if (ms === 0) return;
    await new Promise<void>((resolve, reject) => {
      const abort = () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal?.reason);
      };
      const wake = () => {
        signal?.removeEventListener("abort", abort);
        resolve();
      };
      const sleeper = { deadlineMs: this.#nowMs + ms, wake };
      signal?.addEventListener("abort", abort, { once: true });
      this.#insert(sleeper);
    });
  }

  /**
   * Moves both clocks on by `ms` and wakes everyone who is due on the way, in the order of their deadlines, each
   * at its own time. Whoever sleeps again within the span is woken again. Resolves when the span is over.
   */
  async advance(ms: number): Promise<void> {
    if (!(ms >= 0)) throw new BackendError("BACKEND_BAD_RANGE", `cannot advance by ${String(ms)} ms`);
    const endMs = this.#nowMs + ms;
    await settle();
    for (
      let next = this.#sleepers[0];
      next !== undefined && next.deadlineMs <= endMs;
      next = this.#sleepers[0]
    ) {
      this.#sleepers.shift();
      this.#nowMs = Math.max(this.#nowMs, next.deadlineMs);
      next.wake();
      await settle();
    }
    this.#nowMs = Math.max(this.#nowMs, endMs);
  }

  #insert(sleeper: Sleeper): void {
    const later = this.#sleepers.findIndex((other) => other.deadlineMs > sleeper.deadlineMs);
    this.#sleepers.splice(later === -1 ? this.#sleepers.length : later, 0, sleeper);
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS_PER_WAKING; turn += 1) await undefined;
}
