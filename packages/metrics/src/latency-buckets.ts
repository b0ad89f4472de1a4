// How long operations took, counted by buckets. Owns the limits of these; counting allocates nothing.

/** Upper limits in seconds. */
export const LATENCY_LIMITS: readonly number[] = [
  0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
  10, 30,
];
const LIMITS_MS = Float64Array.from(LATENCY_LIMITS, (seconds) => seconds * 1000);

export class LatencyBuckets {
  /** Of each bucket alone; the last one is for what took longer than all limits. */
  readonly #counts = new Float64Array(LIMITS_MS.length + 1);
  #sumMs = 0;

  observe(elapsedMs: number): void {
    this.#sumMs += elapsedMs;
    let bucket = 0;
    while (bucket < LIMITS_MS.length && elapsedMs > (LIMITS_MS[bucket] as number)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
  }

  get sumSeconds(): number {
    return this.#sumMs / 1000;
  }

  /** For each limit how many took no longer, and in the end how many there are. */
  cumulative(): number[] {
    let total = 0;
    return Array.from(this.#counts, (count) => {
      total += count;
      return total;
    });
  }
}
