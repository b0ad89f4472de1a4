// The moves that are under way while the guest reads and writes: clusters and where they go. Owns who cancels a move: a
// write to the source in place, which the copy would not have, and the source being given up. A cancelled move has no
// effect: nothing names its destination.

export interface Move {
  readonly source: number;
  readonly destination: number;
  /** Guest offset in bytes of what the source holds. */
  readonly guest: number;
  /** Length of that: a cluster, or all that an L2 table describes. */
  readonly length: number;
  isCancelled: boolean;
}

export class Moves {
  /** By source. */
  readonly #bySource = new Map<number, Move>();

  get size(): number {
    return this.#bySource.size;
  }

  /** Begins to move `source` to `destination`, which is reserved for it; nothing else moves it. */
  begin(source: number, destination: number, guest: number, length: number): Move {
    const move = { source, destination, guest, length, isCancelled: false };
    this.#bySource.set(source, move);
    return move;
  }

  /** Clusters `[first, first + count)` are about to be written in place, or are given up. */
  touch(first: number, count: number): void {
    if (this.#bySource.size === 0) return;
    for (let source = first; source < first + count; source++) {
      const move = this.#bySource.get(source);
      if (move !== undefined) move.isCancelled = true;
    }
  }

  /** `move` is over, one way or the other. */
  end(move: Move): void {
    this.#bySource.delete(move.source);
  }
}
