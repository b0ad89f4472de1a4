// Lets a bounded number of jobs run at once; the rest wait their turn. Owns the queue.

/** Runs jobs, at most `runningMax` at once, in the order they come. */
export class BoundedJobs {
  readonly #runningMax: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(runningMax: number) {
    this.#runningMax = runningMax;
  }

  /** What `job` gives, once it was its turn. */
  async run<T>(job: () => Promise<T>): Promise<T> {
    if (this.#running < this.#runningMax) this.#running++;
    // Whoever ends hands its place on, so the count stays.
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await job();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
