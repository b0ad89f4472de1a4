// Plans one round of compaction: which clusters go where. Pure. The file can end behind as many clusters as are in use;
// what lies behind that end goes into the holes before it. Single clusters keep their order: what lay in a row in the
// file still does where the holes are in a row, which taking the highest cluster for the lowest hole would reverse.
//
// A table of several clusters needs as many free ones in a row. Where there are none, the singles of the window that has
// the fewest are moved out of it, and come back in the next round.

import type { ClusterUse } from "./cluster-use.js";
import { MoveMap } from "./move-map.js";
import type { Structure } from "./structure.js";

export interface StructureMove {
  readonly structure: Structure;
  /** Cluster at which it is to begin. */
  readonly destination: number;
}

export interface MovePlan {
  /** Where the file can end, in clusters, once nothing is left to move. */
  readonly end: number;
  readonly singles: MoveMap;
  /** What gives way to a table, after the moves of `singles`. */
  readonly evictions: MoveMap;
  readonly structures: readonly StructureMove[];
  /** Whether compressed streams lie behind `end`, and there are free clusters before it left for them. */
  readonly hasStreams: boolean;
}

/** Whether nothing is to be done. */
export function isIdlePlan({ singles, structures, hasStreams }: MovePlan): boolean {
  return singles.size === 0 && structures.length === 0 && !hasStreams;
}

/** Whether another round may find more to do. */
export function needsAnotherRound({ structures, hasStreams }: MovePlan): boolean {
  return structures.length > 0 || hasStreams;
}

export function planMoves(use: ClusterUse): MovePlan {
  const end = findEnd(use);
  const sources: number[] = [];
  let compressedBehind = 0;
  for (let index = end; index < use.clusterCount; index++) {
    if (use.references(index) === 0) continue;
    if (use.isCompressed(index)) compressedBehind++;
    else if (use.isSingle(index)) sources.push(index);
  }
  const free: number[] = [];
  for (let index = 0; index < end; index++)
    if (use.references(index) === 0 && use.isUsable(index)) free.push(index);
  // Structures choose first: they need free clusters in a row.
  const layout = new Layout(use, end, free);
  const structures = use.structures
    .filter(
      ({ offset, length }) => clusterAt(use, offset + length - 1) >= end && offset % use.clusterSize === 0,
    )
    .sort((a, b) => b.length - a.length)
    .flatMap((structure) => layout.place(structure) ?? []);
  const holes = layout.holes();
  const count = Math.min(sources.length, holes.length);
  // When there are not enough holes, those that lie last move, since they determine where the file ends.
  const moving = sources.slice(sources.length - count);
  const evictions = layout.evictions(holes.slice(count));
  return {
    end,
    singles: new MoveMap(moving, holes.slice(0, count)),
    evictions: evictions ?? new MoveMap([], []),
    structures: evictions === undefined ? [] : structures,
    hasStreams: compressedBehind > 0 && holes.length > count,
  };
}

/** The first cluster from which on all that is in use fits before. */
function findEnd(use: ClusterUse): number {
  let room = 0;
  let index = 0;
  for (; index < use.clusterCount && room < use.used; index++)
    if (use.references(index) > 0 || use.isUsable(index)) room++;
  return index;
}

function clusterAt({ clusterSize }: ClusterUse, offset: number): number {
  return Math.floor(offset / clusterSize);
}

/** The clusters before the end, and what is planned for them. */
class Layout {
  readonly #use: ClusterUse;
  readonly #end: number;
  readonly #free: readonly number[];
  /** Clusters that structures are to have. */
  readonly #taken = new Set<number>();
  /** Singles that are in the way of one. */
  readonly #evicted: number[] = [];

  constructor(use: ClusterUse, end: number, free: readonly number[]) {
    this.#use = use;
    this.#end = end;
    this.#free = free;
  }

  /** The move of `structure`; undefined when there is no room for it that is better than its own. */
  place(structure: Structure): StructureMove | undefined {
    const clusters = Math.ceil(structure.length / this.#use.clusterSize);
    const destination = this.#freeRow(clusters) ?? this.#cheapestWindow(clusters);
    if (destination === undefined || destination >= clusterAt(this.#use, structure.offset)) return undefined;
    for (let index = destination; index < destination + clusters; index++) {
      this.#taken.add(index);
      if (this.#use.references(index) > 0) this.#evicted.push(index);
    }
    return { structure, destination };
  }

  /** Free clusters that no structure takes, ascending. */
  holes(): number[] {
    return this.#taken.size === 0 ? [...this.#free] : this.#free.filter((index) => !this.#taken.has(index));
  }

  /** Moves of what is in the way: into `holes`, then to behind the end of the file. Undefined when that has no room. */
  evictions(holes: readonly number[]): MoveMap | undefined {
    const sources = this.#evicted.sort((a, b) => a - b);
    let next = this.#use.clusterCount;
    const destinations = sources.map((_, at) => holes[at] ?? next++);
    return next === this.#use.clusterCount || this.#use.isUsable(next - 1)
      ? new MoveMap(sources, destinations)
      : undefined;
  }

  // The lowest row of free clusters that is long enough.
  #freeRow(clusters: number): number | undefined {
    let row = 0;
    let previous = -2;
    for (const index of this.#free) {
      if (this.#taken.has(index)) continue;
      row = index === previous + 1 ? row + 1 : 1;
      previous = index;
      if (row === clusters) return index - clusters + 1;
    }
    return undefined;
  }

  // The window with the fewest singles in it, and nothing else but free clusters.
  #cheapestWindow(clusters: number): number | undefined {
    let best: number | undefined;
    let bestCost = clusters + 1;
    let cost = 0;
    let row = 0;
    for (let index = 0; index < this.#end; index++) {
      if (this.#cost(index) === undefined) {
        row = 0;
        cost = 0;
        continue;
      }
      cost += this.#cost(index) as number;
      row++;
      if (row > clusters) cost -= this.#cost(index - clusters) as number;
      if (row >= clusters && cost < bestCost) {
        best = index - clusters + 1;
        bestCost = cost;
      }
    }
    return best;
  }

  #cost(index: number): number | undefined {
    if (this.#taken.has(index)) return undefined;
    if (this.#use.references(index) === 0) return this.#use.isUsable(index) ? 0 : undefined;
    return this.#use.isSingle(index) ? 1 : undefined;
  }
}
