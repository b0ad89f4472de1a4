// Seeded randomness: the same seed gives the same numbers on every machine. Owns the generator and the ways to draw.

export class Random {
  #state: number;

  /** `seed` is a whole number; neighbouring seeds give unrelated numbers. */
  constructor(seed: number) {
    this.#state = Math.imul(seed, 0x9e3779b1) | 0;
  }

  /** 32 random bits (splitmix32). A property, so that it can be handed on by itself. */
  readonly bits = (): number => {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    return mix(this.#state);
  };

  /** A whole number from 0 to `limit` - 1; `limit` is at most 2^32. */
  below(limit: number): number {
    return this.bits() % limit;
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

  /** One of the choices, each as likely as its weight says. */
  weighted<T>(choices: readonly (readonly [weight: number, choice: T])[]): T {
    let left = this.below(choices.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, choice] of choices) {
      if (left < weight) return choice;
      left -= weight;
    }
    throw new Error("there is nothing to choose from");
  }

  /** Another generator: what is drawn from it does not move this one. */
  fork(): Random {
    return new Random(this.bits());
  }
}

/** 32 bits that depend on all bits of `value`. */
export function mix(value: number): number {
  let z = value;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return (z ^ (z >>> 15)) >>> 0;
}
