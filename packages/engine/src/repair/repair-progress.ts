// One progress out of the passes of a repair: check, mend, check again. Owns the sum; how many passes it takes is known
// only on the way, so it counts on three; more of them stay just below the end.

import type { LongOptions } from "@qcow/block";

const PASSES = 3;

export class RepairProgress {
  readonly #options: LongOptions;
  #passes = 0;
  #total = 1;
  #done = 0;

  constructor(options: LongOptions) {
    this.#options = options;
  }

  /** Options for the next pass. */
  pass(): LongOptions {
    const { signal, onProgress } = this.#options;
    const passed = this.#passes++;
    if (onProgress === undefined) return { signal };
    return {
      signal,
      onProgress: ({ done, total }) => {
        this.#total = Math.max(this.#total, PASSES * total);
        const reached = total === 0 ? 1 : done / total;
        const sum = Math.floor(((passed + reached) * this.#total) / PASSES);
        // The last step is told at the end.
        this.#done = Math.max(this.#done, Math.min(sum, this.#total - 1));
        onProgress({ done: this.#done, total: this.#total });
      },
    };
  }

  /** All is done. */
  finish(): void {
    this.#options.onProgress?.({ done: this.#total, total: this.#total });
  }
}
