// The clusters that hold metadata, whatever the refcounts say of them. Owns the last line of defence: an image whose
// refcounts are too low must not have its tables overwritten, so the allocator asks here before it gives a cluster out.

export class MetadataPlaces {
  readonly #clusterSize: number;
  readonly #clusters = new Set<number>();

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
      if (this.#clusters.has(index)) return false;
    this.add(offset, length);
    return true;
  }

  /** Host cluster `index` is free: it holds nothing any more. */
  remove(index: number): void {
    this.#clusters.delete(index);
  }

  /** Whether host cluster `index` holds metadata. */
  has(index: number): boolean {
    return this.#clusters.has(index);
  }

  /** Index of the last cluster that holds metadata. */
  last(): number {
    let last = 0;
    for (const index of this.#clusters) if (index > last) last = index;
    return last;
  }

  /**
   * The first cluster behind the structures that the file begins with. What is free in between is not given to data:
   * it would be in the way of the structures.
   */
  headerEnd(): number {
    let end = 0;
    for (let index = 0; index <= end + HEADER_GAP_MAX; index++)
      if (this.#clusters.has(index)) end = index + 1;
    return end;
  }
}

/** Free clusters in a row that still count as a gap between header structures. */
const HEADER_GAP_MAX = 4;
