// The state of every host cluster of an open image, and the one table of the changes of state that are legal. Owns the
// counts of each state and the totals of each change; who changes a state, and why, is the recycler's and the allocator's
// business (docs/compaction.md has the picture).

import type { ClusterLifecycle } from "../allocate/cluster-lifecycle.js";
import { EngineError } from "../engine-error.js";
import type { Observer } from "../observer.js";

/** In the order in which a cluster usually goes through them. */
export const CLUSTER_STATES = [
  /** Something references it, or an operation that is under way has it. */
  "used",
  /** Nothing references it, and that is durable. It holds whatever it held. */
  "junk",
  /** As junk, but it reads as zero; after a crash perhaps not. */
  "erased",
  /** It reads as zero, also after a crash. */
  "available",
  /** A cluster is being copied to it. */
  "copying",
  /** It is a copy; after a crash perhaps not. */
  "copied",
  /** It is a copy, also after a crash; nothing references it. */
  "flushed",
  /** The entry names it instead of what it is a copy of; after a crash perhaps not. */
  "referenced",
] as const;

export type ClusterState = (typeof CLUSTER_STATES)[number];

/** What may become of a cluster; anything else is a bug. */
const LEGAL: Readonly<Record<ClusterState, readonly ClusterState[]>> = {
  used: ["junk", "erased"],
  junk: ["used", "erased", "copying"],
  erased: ["used", "available", "junk", "copying"],
  available: ["used", "copying"],
  copying: ["copied", "junk"],
  copied: ["flushed", "junk"],
  flushed: ["referenced", "junk"],
  // Given up by the guest before it was durable that it is referenced: by now it is, or that it is not.
  referenced: ["used", "junk"],
};

const CODES = Object.fromEntries(CLUSTER_STATES.map((state, code) => [state, code])) as Record<
  ClusterState,
  number
>;

export class ClusterStates implements ClusterLifecycle {
  /** Clusters that were taken to be erased, and are: they come back as such. */
  readonly #wiped = new Set<number>();
  /** Called when there is more that is free. */
  onFreed: () => void = () => undefined;
  readonly #observer: Observer | undefined;
  readonly #hasReferences: (index: number) => boolean;
  #codes: Uint8Array;
  #clusters = 0;
  readonly #counts = new Float64Array(CLUSTER_STATES.length);
  readonly #totals = new Float64Array(CLUSTER_STATES.length);
  #taken = 0;
  #cancelled = 0;

  /**
   * `hasReferences` says whether a cluster that nobody has taken has a refcount above 0 nevertheless: a crash may leave
   * some behind the end of the file, and that grows past them.
   */
  constructor(observer: Observer | undefined, hasReferences: (index: number) => boolean = () => false) {
    this.#observer = observer;
    this.#hasReferences = hasReferences;
    this.#codes = new Uint8Array(1024);
  }

  /** Clusters of the file, as far as they are known. */
  get clusters(): number {
    return this.#clusters;
  }

  /** How many clusters are in `state`. */
  count(state: ClusterState): number {
    return this.#counts[CODES[state]] as number;
  }

  /** How many clusters have come into `state`, over all. */
  total(state: ClusterState): number {
    return this.#totals[CODES[state]] as number;
  }

  /** How many clusters were taken, over all, for anything but a copy. */
  get takenTotal(): number {
    return this.#taken;
  }

  /** How many copies nothing came to reference, over all. */
  get cancelledTotal(): number {
    return this.#cancelled;
  }

  /** How many clusters nothing uses. */
  get freeClusters(): number {
    return this.count("junk") + this.count("erased") + this.count("available");
  }

  /** Whether nothing uses cluster `index`. */
  isFree(index: number): boolean {
    const state = this.state(index);
    return state === "junk" || state === "erased" || state === "available";
  }

  /** The state of cluster `index`; one behind the end of the file is `available`: the file reads as zero there. */
  state(index: number): ClusterState {
    return index < this.#clusters
      ? (CLUSTER_STATES[this.#codes[index] as number] as ClusterState)
      : "available";
  }

  /** The lowest cluster from `from` on that is in `state`; -1 when none is. */
  next(state: ClusterState, from: number): number {
    const found = this.#codes.indexOf(CODES[state], from);
    return found < this.#clusters ? found : -1;
  }

  /** Adds cluster `index`, the next one that is not known, in the state in which it was found. */
  learn(index: number, state: ClusterState): void {
    this.#grow(index + 1);
    this.#leave(index);
    this.#enter(index, state);
  }

  /** Changes the state of `count` clusters from `first` on, which are all in `from`. Throws for what is not legal. */
  change(first: number, count: number, from: ClusterState, to: ClusterState): void {
    if (!LEGAL[from].includes(to)) throw illegal(`${from} clusters do not become ${to}`);
    for (let index = first; index < first + count; index++) {
      if (this.state(index) !== from)
        throw illegal(`cluster ${index} is ${this.state(index)}, and was to go from ${from} to ${to}`);
    }
    this.#grow(first + count);
    for (let index = first; index < first + count; index++) {
      this.#leave(index);
      this.#enter(index, to);
    }
    this.#observer?.clusterState?.({ from, to, clusters: count });
  }

  /** The file has `clusters` clusters, fewer than before: what lay behind them is gone. */
  cut(clusters: number): void {
    for (let index = clusters; index < this.#clusters; index++) {
      if (!this.isFree(index)) throw illegal(`cluster ${index} is ${this.state(index)}, and was cut off`);
      this.#leave(index);
      this.#codes[index] = CODES.available;
    }
    this.#clusters = Math.min(this.#clusters, clusters);
  }

  taken(first: number, count: number, asCopy: boolean): void {
    const to = asCopy ? "copying" : "used";
    if (!asCopy) this.#taken += count;
    for (let index = first; index < first + count; index++) this.change(index, 1, this.state(index), to);
  }

  freed(index: number): void {
    const from = this.state(index);
    if (from === "copying" || from === "copied" || from === "flushed") this.#cancelled++;
    this.change(index, 1, from, this.#wiped.delete(index) ? "erased" : "junk");
    this.onFreed();
  }

  /** Cluster `index`, which was taken for that, reads as zero now. */
  wiped(index: number): void {
    this.#wiped.add(index);
  }

  isZero(index: number): boolean {
    return index < this.#clusters && this.#codes[index] === CODES.available;
  }

  /** One line for logs. */
  summary(): string {
    const copies =
      this.count("copying") + this.count("copied") + this.count("flushed") + this.count("referenced");
    return [
      `${this.count("used")} used`,
      `${this.count("junk")} junk`,
      `${this.count("erased")} erased`,
      `${this.count("available")} available`,
      `${copies} copies (${this.count("copying")} copying, ${this.count("copied")} copied, ${this.count("flushed")} flushed, ${this.count("referenced")} referenced)`,
      `${this.#clusters} clusters in the file`,
    ].join("; ");
  }

  #grow(clusters: number): void {
    if (clusters <= this.#clusters) return;
    if (clusters > this.#codes.length) {
      const codes = new Uint8Array(Math.max(clusters, this.#codes.length * 2));
      codes.set(this.#codes);
      this.#codes = codes;
    }
    // What appears reads as zero: the file was longer by nothing else.
    for (let index = this.#clusters; index < clusters; index++) {
      const code = this.#hasReferences(index) ? CODES.used : CODES.available;
      this.#codes[index] = code;
      this.#counts[code] = (this.#counts[code] as number) + 1;
      if (code === CODES.available) this.#totals[code] = (this.#totals[code] as number) + 1;
    }
    this.#clusters = clusters;
  }

  #leave(index: number): void {
    const code = this.#codes[index] as number;
    this.#counts[code] = (this.#counts[code] as number) - 1;
  }

  #enter(index: number, state: ClusterState): void {
    const code = CODES[state];
    this.#codes[index] = code;
    this.#counts[code] = (this.#counts[code] as number) + 1;
    this.#totals[code] = (this.#totals[code] as number) + 1;
  }
}

function illegal(message: string): EngineError {
  return new EngineError("QCOW2_BROKEN_INVARIANT", `a bug: ${message}`);
}
