// The parts of a disk that have more than one possible version, in order. Owns splitting; what is possible when is
// disk-model's business.

import type { GuestWrite } from "./guest-write.js";

/** A range of the disk with what it may hold. `start < end`, in bytes of the guest. */
export interface Segment {
  readonly start: number;
  readonly end: number;
  /** What a read may find. */
  current: readonly GuestWrite[];
  /** What may be found after a crash. */
  survivors: readonly GuestWrite[];
}

export class Segments {
  /** Sorted, without overlaps; what lies between has one version, the model's base. */
  #list: Segment[] = [];

  get all(): readonly Segment[] {
    return this.#list;
  }

  /** Segments that cover exactly `[start, end)`; those that were missing are as `fresh` says. */
  cover(start: number, end: number, fresh: (start: number, end: number) => Segment): Segment[] {
    this.#splitAt(start);
    this.#splitAt(end);
    const first = this.#indexFrom(start);
    const covered: Segment[] = [];
    let at = start;
    let index = first;
    for (let next = this.#list[index]; next !== undefined && next.start < end; next = this.#list[++index]) {
      if (at < next.start) covered.push(fresh(at, next.start));
      covered.push(next);
      at = next.end;
    }
    if (at < end) covered.push(fresh(at, end));
    this.#list.splice(first, index - first, ...covered);
    return covered;
  }

  /** The parts of segments that lie in `[start, end)`, cut to it. */
  *within(start: number, end: number): Generator<Segment> {
    for (let index = this.#indexFrom(start); index < this.#list.length; index++) {
      const segment = this.#list[index] as Segment;
      if (segment.start >= end) return;
      yield { ...segment, start: Math.max(start, segment.start), end: Math.min(end, segment.end) };
    }
  }

  /** Forgets everything at and behind `offset`. */
  cut(offset: number): void {
    this.#splitAt(offset);
    this.#list.length = this.#indexFrom(offset);
  }

  /** Keeps the segments that `keep` says. */
  filter(keep: (segment: Segment) => boolean): void {
    this.#list = this.#list.filter(keep);
  }

  /** Index of the first segment that ends behind `offset`. */
  #indexFrom(offset: number): number {
    let low = 0;
    let high = this.#list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#list[middle] as Segment).end <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #splitAt(offset: number): void {
    const index = this.#indexFrom(offset);
    const segment = this.#list[index];
    if (segment === undefined || segment.start >= offset) return;
    this.#list.splice(index, 1, { ...segment, end: offset }, { ...segment, start: offset });
  }
}
