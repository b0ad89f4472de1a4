// The tables that still want something from the stream, the one whose contents come next on top. Owns the order (a
// binary heap), nothing of what is done with them.

import type { TableClaims } from "./table-claims.js";

export class ClaimHeap {
  readonly #tables: TableClaims[] = [];
  readonly #starts: number[] = [];

  /** Where the next contents begin in the file; infinite when nothing is wanted. */
  get nextStart(): number {
    return this.#starts[0] ?? Number.POSITIVE_INFINITY;
  }

  /** The table that wants them. */
  get top(): TableClaims | undefined {
    return this.#tables[0];
  }

  push(table: TableClaims): void {
    this.#tables.push(table);
    this.#starts.push(table.nextStart);
    this.#rise(this.#tables.length - 1);
  }

  /** The table on top has moved its cursor; it leaves when it wants nothing any more. True when it has left. */
  advanceTop(): boolean {
    const start = (this.#tables[0] as TableClaims).nextStart;
    const isDone = start === Number.POSITIVE_INFINITY;
    if (isDone) {
      const last = this.#tables.pop() as TableClaims;
      const lastStart = this.#starts.pop() as number;
      if (this.#tables.length === 0) return true;
      this.#tables[0] = last;
      this.#starts[0] = lastStart;
    } else this.#starts[0] = start;
    this.#sink(0);
    return isDone;
  }

  #rise(from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if ((this.#starts[parent] as number) <= (this.#starts[at] as number)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #sink(from: number): void {
    const { length } = this.#starts;
    for (let at = from; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < length && (this.#starts[child] as number) < (this.#starts[least] as number))
          least = child;
      }
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #swap(a: number, b: number): void {
    [this.#tables[a], this.#tables[b]] = [this.#tables[b] as TableClaims, this.#tables[a] as TableClaims];
    [this.#starts[a], this.#starts[b]] = [this.#starts[b] as number, this.#starts[a] as number];
  }
}
