// Seeded randomness for tests: the same seed gives the same run on every machine.

/** Runs of model tests; QCOW_MODEL_RUNS=N asks for more. */
export function modelRuns(usual: number): number {
  const wanted = Number(process.env.QCOW_MODEL_RUNS ?? "");
  return wanted > 0 ? wanted : usual;
}

/** Seed of the first run; QCOW_MODEL_SEED=N replays a failure, whose message names the seed. */
export function firstSeed(): number {
  const wanted = Number(process.env.QCOW_MODEL_SEED ?? "");
  return wanted > 0 ? wanted : 1;
}

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed, 0x9e3779b1) | 0;
  }

  /** 32 random bits (splitmix32). */
  bits(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  }

  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number {
    return limit <= 0x1_0000_0000
      ? this.bits() % limit
      : (this.bits() * 0x20_0000 + (this.bits() >>> 11)) % limit;
  }

  /** A whole number from `first` to `last`. */
  between(first: number, last: number): number {
    return first + this.below(last - first + 1);
  }

  chance(probability: number): boolean {
    return this.bits() < probability * 0x1_0000_0000;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }

  /** Bytes that do not compress. */
  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at++) bytes[at] = this.bits();
    return bytes;
  }

  /** Bytes that compress well and are hardly ever the same twice. */
  text(length: number): Uint8Array {
    const bytes = new Uint8Array(length).fill(this.between(1, 255));
    for (let count = 0; count < 8 && length > 0; count++) bytes[this.below(length)] = this.bits();
    return bytes;
  }
}

/** Calls `run` for each of `count` seeds; what it throws names the seed. */
export async function forSeeds(
  count: number,
  run: (random: Random, seed: number) => Promise<void>,
): Promise<void> {
  const first = firstSeed();
  for (let seed = first; seed < first + count; seed++) {
    try {
      await run(new Random(seed), seed);
    } catch (cause) {
      const text = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`seed ${seed} (QCOW_MODEL_SEED=${seed} QCOW_MODEL_RUNS=1): ${text}`, { cause });
    }
  }
}
