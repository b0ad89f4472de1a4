// Sparse byte storage: fixed pages in a map, absent ones are zero. Owns copying (pages are shared between copies until
// one of them writes) and cutting; knows neither errors nor the disk's length, and trusts its caller's ranges.

/** Bytes in a page. Small, so that tests may scatter single writes over terabytes. */
const PAGE_SIZE = 4096;

export class SparsePages {
  #pages = new Map<number, Uint8Array>();
  /** Pages that no copy shares; undefined while nothing was ever copied, when that is all of them. */
  #own: Set<number> | undefined;

  /** Bytes of memory in use, those that are shared with copies included. */
  get allocatedBytes(): number {
    return this.#pages.size * PAGE_SIZE;
  }

  read(offset: number, target: Uint8Array): void {
    forEachPiece(offset, target.length, (index, start, done, length) => {
      const page = this.#pages.get(index);
      if (page === undefined) target.fill(0, done, done + length);
      else target.set(page.subarray(start, start + length), done);
    });
  }

  write(offset: number, source: Uint8Array): void {
    forEachPiece(offset, source.length, (index, start, done, length) => {
      this.#pageAt(index).set(source.subarray(done, done + length), start);
    });
  }

  /** Zeroes `length` bytes from `offset` on and drops the pages that lie wholly inside. */
  clear(offset: number, length: number): void {
    // Over whichever is shorter: a range may be petabytes, the pages that exist are in memory.
    const indices = length / PAGE_SIZE < this.#pages.size ? pageIndices(offset, length) : this.#pages.keys();
    for (const index of indices) this.#clearIn(index, offset - index * PAGE_SIZE, length);
  }

  #clearIn(index: number, offset: number, length: number): void {
    const start = Math.max(offset, 0);
    const stop = Math.min(offset + length, PAGE_SIZE);
    if (start >= stop) return;
    if (stop - start === PAGE_SIZE) {
      this.#pages.delete(index);
      this.#own?.delete(index);
    } else if (this.#pages.has(index)) this.#pageAt(index).fill(0, start, stop);
  }

  /** The next bytes at or after `offset` that have pages, without a gap; takes time in proportion to the pages. */
  nextPages(offset: number): { start: number; end: number } | undefined {
    const first = this.#firstPage(Math.floor(offset / PAGE_SIZE));
    if (first === undefined) return undefined;
    let last = first;
    while (this.#pages.has(last + 1)) last += 1;
    return { start: Math.max(offset, first * PAGE_SIZE), end: (last + 1) * PAGE_SIZE };
  }

  #firstPage(from: number): number | undefined {
    if (this.#pages.has(from)) return from;
    let first: number | undefined;
    for (const index of this.#pages.keys()) {
      if (index >= from && (first === undefined || index < first)) first = index;
    }
    return first;
  }

  clone(): SparsePages {
    const copy = new SparsePages();
    copy.#pages = new Map(this.#pages);
    copy.#own = new Set();
    this.#own = new Set();
    return copy;
  }

  #pageAt(index: number): Uint8Array {
    const existing = this.#pages.get(index);
    if (existing !== undefined && (this.#own === undefined || this.#own.has(index))) return existing;
    const page = existing?.slice() ?? new Uint8Array(PAGE_SIZE);
    this.#pages.set(index, page);
    this.#own?.add(index);
    return page;
  }
}

/** Calls `visit` for the part of the range in each page: index, start in the page, bytes done before, length. */
function forEachPiece(
  offset: number,
  total: number,
  visit: (index: number, start: number, done: number, length: number) => void,
): void {
  let done = 0;
  while (done < total) {
    const position = offset + done;
    const start = position % PAGE_SIZE;
    const length = Math.min(PAGE_SIZE - start, total - done);
    visit((position - start) / PAGE_SIZE, start, done, length);
    done += length;
  }
}

function* pageIndices(offset: number, length: number): Generator<number> {
  const end = Math.ceil((offset + length) / PAGE_SIZE);
  for (let index = Math.floor(offset / PAGE_SIZE); index < end; index += 1) yield index;
}
