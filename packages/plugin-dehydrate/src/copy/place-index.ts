// Structures and patches by where they lie. Owns finding those that touch a range quickly, also when some overlap.

import { lowerBound } from "../survey/cluster-list.js";
import type { Place } from "../survey/image-file.js";

export class PlaceIndex<T extends Place> {
  readonly #sorted: readonly T[];
  /** Where the furthest of all up to this one ends. */
  readonly #ends: Float64Array;

  constructor(places: readonly T[]) {
    this.#sorted = [...places].sort((a, b) => a.offset - b.offset);
    this.#ends = new Float64Array(places.length);
    let end = 0;
    this.#sorted.forEach((place, index) => {
      end = Math.max(end, place.offset + place.length);
      this.#ends[index] = end;
    });
  }

  /** Those with a byte in `[start, end)`. */
  *within(start: number, end: number): Generator<T> {
    for (let index = lowerBound(this.#ends, start + 1); index < this.#sorted.length; index++) {
      const place = this.#sorted[index] as T;
      if (place.offset >= end) return;
      if (place.offset + place.length > start) yield place;
    }
  }
}
