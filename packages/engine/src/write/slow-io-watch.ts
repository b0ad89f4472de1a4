// Notices operations that take so long that something is wrong, and reports each once. Owns one sleeper for all of
// them; without a clock it does nothing.

import type { TimeBackend } from "@qcow/block";
import type { Observer } from "../observer.js";

/** After this time an operation is reported; it goes on all the same. */
export const SLOW_IO_MS = 30_000;

interface Watched {
  readonly operation: string;
  readonly offset: number;
  readonly length: number;
  readonly startMs: number;
}

export class SlowIoWatch {
  readonly #time: TimeBackend | undefined;
  readonly #observer: Observer | undefined;
  readonly #holders: () => readonly string[];
  /** In the order in which they started; those that were reported are gone. */
  readonly #watched = new Set<Watched>();
  readonly #stop = new AbortController();
  #sleeping = false;

  /** `holders` says who holds what at that moment. */
  constructor(
    time: TimeBackend | undefined,
    observer: Observer | undefined,
    holders: () => readonly string[] = () => [],
  ) {
    this.#holders = holders;
    this.#time = observer?.slowIo === undefined ? undefined : time;
    this.#observer = observer;
  }

  /** Runs `job`, which does `operation` on a part of the disk. */
  async run<T>(operation: string, offset: number, length: number, job: () => Promise<T>): Promise<T> {
    if (this.#time === undefined) return await job();
    const watched = { operation, offset, length, startMs: this.#time.monotonicMs() };
    this.#watched.add(watched);
    if (!this.#sleeping) this.#sleep(this.#time, SLOW_IO_MS);
    try {
      return await job();
    } finally {
      this.#watched.delete(watched);
    }
  }

  close(): void {
    this.#stop.abort();
  }

  #sleep(time: TimeBackend, ms: number): void {
    this.#sleeping = true;
    time.sleep(ms, { signal: this.#stop.signal }).then(
      () => this.#report(time),
      () => undefined,
    );
  }

  #report(time: TimeBackend): void {
    const nowMs = time.monotonicMs();
    for (const watched of this.#watched) {
      const { operation, offset, length, startMs } = watched;
      const elapsedMs = nowMs - startMs;
      if (elapsedMs < SLOW_IO_MS) {
        this.#sleep(time, SLOW_IO_MS - elapsedMs);
        return;
      }
      this.#watched.delete(watched);
      this.#observer?.slowIo?.({ operation, offset, length, elapsedMs, holders: this.#holders() });
    }
    this.#sleeping = false;
  }
}
