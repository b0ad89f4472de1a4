// What each sector of a disk may read as, when operations fail or run together: the value that was durable, or one that
// was written since. Owns no bytes: a value stands for a sector full of it.

import { expect } from "vitest";

export class SectorValues {
  /** By sector: values that it may have, the latest last. */
  readonly #values: Set<number>[];

  /** All sectors are zero, but the first `count`, which are `value`. */
  constructor(sectors: number, count = 0, value = 0) {
    this.#values = Array.from({ length: sectors }, (_, at) => new Set([at < count ? value : 0]));
  }

  /** `job` sets sectors to `value`: once it has, they read so; if it fails, each is old or new. */
  async change(start: number, sectors: number, value: number, job: () => Promise<void>): Promise<void> {
    for (let at = start; at < start + sectors; at++) this.#values[at]?.delete(value);
    for (let at = start; at < start + sectors; at++) this.#values[at]?.add(value);
    try {
      await job();
    } catch (error) {
      this.#doubt(start, sectors);
      throw error;
    }
  }

  // Whether it took effect is not known, so a later flush makes either durable.
  #doubt(start: number, sectors: number): void {
    for (let at = start; at < start + sectors; at++) this.#doubted.add(at);
  }

  readonly #doubted = new Set<number>();

  /** Everything is durable: of each sector only the latest value counts, unless it is in doubt. */
  flushed(): void {
    this.#values.forEach((values, at) => {
      if (this.#doubted.has(at)) return;
      const latest = [...values].at(-1) as number;
      values.clear();
      values.add(latest);
    });
  }

  /** Fails unless `bytes` are what the sectors may be. */
  expect(bytes: Uint8Array): void {
    for (let at = 0; at * 512 < bytes.byteLength; at++) {
      const sector = bytes.subarray(at * 512, (at + 1) * 512);
      const [value] = sector as unknown as [number];
      const possible = [...(this.#values[at] as Set<number>)];
      if (!possible.includes(value) || !sector.every((byte) => byte === value)) {
        expect.fail(
          `sector ${at} begins with ${[...sector.subarray(0, 4)].join()}, not ${possible.join(" or ")}`,
        );
      }
    }
  }
}
