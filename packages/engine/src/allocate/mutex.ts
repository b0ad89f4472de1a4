// One after the other: for changes of structure that must not meet halfway. Never held over a guest's I/O.

export class Mutex {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `job` when all jobs before it have ended, however they ended. */
  run<T>(job: () => Promise<T>): Promise<T> {
    const result = this.#last.then(job, job);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
