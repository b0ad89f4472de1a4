// A range that waits for a request, and how waiting ranges become one request. Owns the choice of who goes together;
// sending is flight's.

import type { BlockCache } from "./block-cache.js";
import type { Wish, WishHolder } from "./pending-read.js";

/** A range that nothing under way will bring, with the wishes that lie in it. */
export class Want implements WishHolder {
  readonly start: number;
  readonly end: number;
  /** Where its blocks are kept; undefined keeps none. */
  readonly cache: BlockCache | undefined;
  /** Nobody has wished for it yet, but somebody may soon. */
  readonly isAhead: boolean;
  readonly wishes = new Set<Wish>();
  readonly #onLeft: (want: Want) => void;

  constructor(
    start: number,
    end: number,
    cache: BlockCache | undefined,
    isAhead: boolean,
    onLeft: (want: Want) => void,
  ) {
    this.start = start;
    this.end = end;
    this.cache = cache;
    this.isAhead = isAhead;
    this.#onLeft = onLeft;
  }

  leave(wish: Wish): void {
    if (this.wishes.delete(wish) && this.wishes.size === 0 && !this.isAhead) this.#onLeft(this);
  }
}

/**
 * The wants that go into the next request with `wants[seed]`: its neighbours on both sides while at most `gapBytes`
 * lie between and all together are at most `bytesMax` long. `wants` ascend and do not overlap. Tells their indexes, from
 * `first` up to but not including `end`.
 */
export function groupOf(
  wants: readonly { readonly start: number; readonly end: number }[],
  seed: number,
  gapBytes: number,
  bytesMax: number,
): { first: number; end: number } {
  let first = seed;
  let end = seed + 1;
  const length = (from: number, to: number) => (wants[to]?.end ?? 0) - (wants[from]?.start ?? 0);
  const gapAfter = (index: number) =>
    (wants[index + 1]?.start ?? Number.POSITIVE_INFINITY) - (wants[index]?.end ?? Number.NEGATIVE_INFINITY);
  while (gapAfter(end - 1) <= gapBytes && length(first, end) <= bytesMax) end += 1;
  while (first > 0 && gapAfter(first - 1) <= gapBytes && length(first - 1, end - 1) <= bytesMax) first -= 1;
  return { first, end };
}
