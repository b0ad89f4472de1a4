// How an image is: its sizes and what becomes of its free space, asked of whoever has it open. Owns that totals go on
// growing when an image is closed and opened again, and that the last answer stays when nobody can be asked any more.

import type { RecyclingStatistics } from "@qcow/engine";

/** How an open image is. */
export interface ImageStatistics {
  /** Length of the disk in bytes. */
  readonly virtualSize: number;
  /** Length of the image's file in bytes. */
  readonly fileSize: number;
  /** `image.recycling`: undefined when free space is not recycled. */
  readonly recycling: RecyclingStatistics | undefined;
}

/** Where statistics come from while an image is open. */
export type StatisticsSource = () => ImageStatistics | Promise<ImageStatistics>;

/** Those that only grow. */
const TOTALS = [
  "junkTotal",
  "erasedTotal",
  "availableTotal",
  "takenTotal",
  "copiedTotal",
  "flushedTotal",
  "referencedTotal",
  "movesTotal",
  "cancelledMovesTotal",
  "compactions",
] as const satisfies readonly (keyof RecyclingStatistics)[];

export type RecyclingTotals = Record<(typeof TOTALS)[number], number>;

export class ImageState {
  #source: StatisticsSource | undefined;
  #last: ImageStatistics | undefined;
  /** Of all times that the image was open before. */
  readonly #before = Object.fromEntries(TOTALS.map((name) => [name, 0])) as RecyclingTotals;

  /** The last answer. */
  get last(): ImageStatistics | undefined {
    return this.#last;
  }

  /** Totals over all times that the image was open; undefined when its space was never recycled. */
  get totals(): RecyclingTotals | undefined {
    const recycling = this.#last?.recycling;
    if (recycling === undefined) return undefined;
    const sum = { ...this.#before };
    if (this.#source !== undefined) for (const name of TOTALS) sum[name] += recycling[name];
    return sum;
  }

  /** The image is open. */
  opened(source: StatisticsSource): void {
    if (this.#source !== undefined) this.closed();
    this.#source = source;
  }

  /** The image is closed, and was as `last` says. */
  closed(last?: ImageStatistics): void {
    if (last !== undefined) this.#last = last;
    const recycling = this.#last?.recycling;
    if (this.#source !== undefined && recycling !== undefined)
      for (const name of TOTALS) this.#before[name] += recycling[name];
    this.#source = undefined;
  }

  /** Asks, if there is somebody to ask; an answer that does not come changes nothing. */
  async refresh(): Promise<void> {
    const source = this.#source;
    if (source === undefined) return;
    try {
      const last = await source();
      // It may have been closed meanwhile, and then is as it was said then.
      if (source === this.#source) this.#last = last;
    } catch {
      // Being closed, most likely. What is known stays.
    }
  }
}
