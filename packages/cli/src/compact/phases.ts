// One progress for work in several parts that tell theirs. Owns the adding up, and that nothing goes backwards.

import type { LongOptions, Progress } from "@qcow/block";

/** Steps within a part: finer than the percentage that is shown. */
const STEPS = 1000;

export class Phases {
  readonly #onProgress: LongOptions["onProgress"];
  readonly #count: number;
  #phase = -1;
  #done = -1;

  /** `count` parts, which are taken as equally long. */
  constructor(onProgress: LongOptions["onProgress"], count: number) {
    this.#onProgress = onProgress;
    this.#count = count;
  }

  /** Begins the next part; returns where it tells its progress. */
  next(): (progress: Progress) => void {
    const phase = ++this.#phase;
    return ({ done, total }) => {
      const share = total <= 0 ? STEPS : Math.min(STEPS, Math.floor((STEPS * done) / total));
      const sum = phase * STEPS + share;
      // A part that finds more to do while it works would go back.
      if (sum <= this.#done) return;
      this.#done = sum;
      this.#onProgress?.({ done: sum, total: this.#count * STEPS });
    };
  }
}
