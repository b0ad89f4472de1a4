// The operations that are under way on an image. Owns that closing waits for all of them.

export class Operations {
  #underWay = 0;
  #onIdle: (() => void) | undefined;

  /** Runs `job` as an operation. */
  async run<T>(job: () => Promise<T>): Promise<T> {
    this.#underWay++;
    try {
      return await job();
    } finally {
      this.#underWay--;
      if (this.#underWay === 0) this.#onIdle?.();
    }
  }

  /** Resolves when none is under way; no new one may begin any more. */
  async idle(): Promise<void> {
    if (this.#underWay === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }
}
