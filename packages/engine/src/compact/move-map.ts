// Where clusters go: pairs of a source and a destination, both ascending. Owns looking a source up, which happens for
// every entry of every table; memory is four bytes for each cluster behind the first source.

export class MoveMap {
  readonly #first: number;
  /** By source, counted from the first one: its destination; 0, where the header lies, for none. */
  readonly #destinations: Uint32Array;
  /** Number of clusters that move. */
  readonly size: number;

  /** `sources` and `destinations` belong together pair by pair; sources ascend. */
  constructor(sources: ArrayLike<number>, destinations: ArrayLike<number>) {
    this.size = sources.length;
    this.#first = sources[0] ?? 0;
    const end = this.size === 0 ? 0 : (sources[this.size - 1] as number) + 1;
    this.#destinations = new Uint32Array(end - this.#first);
    for (let at = 0; at < this.size; at++)
      this.#destinations[(sources[at] as number) - this.#first] = destinations[at] as number;
  }

  /** Where cluster `source` goes; 0 when it stays. */
  destination(source: number): number {
    return this.#destinations[source - this.#first] ?? 0;
  }

  /** Calls `visit` with each pair, sources ascending. */
  forEach(visit: (source: number, destination: number) => void): void {
    for (let at = 0; at < this.#destinations.length; at++) {
      const destination = this.#destinations[at] as number;
      if (destination !== 0) visit(this.#first + at, destination);
    }
  }
}
