// The clusters that hold metadata, whatever the refcounts say of them. Owns the last line of defence: an image whose
// refcounts are too low must not have its tables overwritten, so the allocator asks here before it gives a cluster out.

/** A part of the image file, in bytes. */
export interface HostRange {
  readonly offset: number;
  readonly length: number;
}

export class MetadataPlaces {
  readonly #clusterSize: number;
  readonly #clusters = new Set<number>();
  /** First clusters and ends of claimed runs, ascending, apart from each other. */
  #claimStarts: number[] = [];
  #claimEnds: number[] = [];

  constructor(clusterSize: number) {
    this.#clusterSize = clusterSize;
  }

  /** Every cluster of `[offset, offset + length)`, in bytes, holds metadata. */
  add(offset: number, length: number): void {
    const end = Math.ceil((offset + length) / this.#clusterSize);
    for (let index = Math.floor(offset / this.#clusterSize); index < end; index++) this.#clusters.add(index);
  }

  /** As `add`, if none of these clusters holds metadata already; gives whether that is so. */
  addNew(offset: number, length: number): boolean {
    const end = Math.ceil((offset + length) / this.#clusterSize);
    for (let index = Math.floor(offset / this.#clusterSize); index < end; index++)
      if (this.has(index)) return false;
    this.add(offset, length);
    return true;
  }

  /**
   * As `add`, once, for ranges that an image claims and nobody has looked at: kept as runs, since a few bytes may claim
   * millions of clusters again and again. What lies behind `fileSize` is left out.
   */
  setClaims(ranges: readonly HostRange[], fileSize: number): void {
    const sorted = ranges
      .filter(({ offset, length }) => length > 0 && offset < fileSize)
      .sort((a, b) => a.offset - b.offset);
    for (const { offset, length } of sorted) {
      const start = Math.floor(offset / this.#clusterSize);
      const end = Math.ceil(Math.min(offset + length, fileSize) / this.#clusterSize);
      const last = this.#claimEnds.length - 1;
      const lastEnd = this.#claimEnds[last] ?? -1;
      if (start <= lastEnd) this.#claimEnds[last] = Math.max(lastEnd, end);
      else {
        this.#claimStarts.push(start);
        this.#claimEnds.push(end);
      }
    }
  }

  /** What was claimed or added of `[offset, offset + length)`, in bytes, lies elsewhere now. */
  leave(offset: number, length: number): void {
    const first = Math.floor(offset / this.#clusterSize);
    const end = Math.ceil((offset + length) / this.#clusterSize);
    for (let index = first; index < end; index++) this.#clusters.delete(index);
    const starts: number[] = [];
    const ends: number[] = [];
    const keep = (from: number, to: number): void => {
      if (from >= to) return;
      starts.push(from);
      ends.push(to);
    };
    this.#claimStarts.forEach((start, claim) => {
      const claimEnd = this.#claimEnds[claim] as number;
      keep(start, Math.min(claimEnd, Math.max(first, start)));
      keep(Math.max(start, Math.min(end, claimEnd)), claimEnd);
    });
    this.#claimStarts = starts;
    this.#claimEnds = ends;
  }

  /** Host cluster `index`, which was added, is free: it holds nothing any more. */
  remove(index: number): void {
    this.#clusters.delete(index);
  }

  /** Whether host cluster `index` holds metadata. */
  has(index: number): boolean {
    return this.#clusters.has(index) || this.#isClaimed(index);
  }

  /** Index of the last cluster that holds metadata. */
  last(): number {
    let last = Math.max(0, (this.#claimEnds.at(-1) ?? 0) - 1);
    for (const index of this.#clusters) if (index > last) last = index;
    return last;
  }

  /**
   * The first cluster behind the structures that the file begins with. What is free in between is not given to data:
   * it would be in the way of the structures.
   */
  headerEnd(): number {
    let end = 0;
    for (let index = 0; index <= end + HEADER_GAP_MAX; index++) if (this.has(index)) end = index + 1;
    return end;
  }

  #isClaimed(index: number): boolean {
    let from = 0;
    let to = this.#claimStarts.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((this.#claimEnds[middle] as number) <= index) from = middle + 1;
      else to = middle;
    }
    return index >= (this.#claimStarts[from] ?? Number.POSITIVE_INFINITY);
  }
}

/** Free clusters in a row that still count as a gap between header structures. */
const HEADER_GAP_MAX = 4;
