// One pass of compaction while the guest reads and writes: clusters behind the end that the file could have go into free
// ones before it. Owns that no operation of the guest waits for it, and that none sees anything of it:
//
//   copying     whoever writes to the source in place cancels the move; those who were writing before are waited for
//   copied      a flush that begins now makes the copy durable
//   flushed     the entry changes in memory, in one step, unless somebody who may change it holds it: then it is cancelled
//   referenced  readers of the old place are waited for, then it is given up; a flush makes all of it durable
//
// Only what this disk alone references moves: what snapshots share stays for a compaction of the whole image.

import { yieldToHost } from "@qcow/block";
import { L2Kind, l2EntryIsCopied, l2EntryOffset, putL2Entry } from "@qcow/format";
import { ClusterRuns } from "../allocate/cluster-runs.js";
import { CopyList, copyClusters } from "../compact/copy-clusters.js";
import { clusterKind } from "../mapping/cluster-kind.js";
import { cutNow } from "./cut-file.js";
import { eraseSome } from "./erase-clusters.js";
import type { Move } from "./moves.js";
import type { RecycleContext } from "./recycle-context.js";

/** What one batch moves at most. */
const BATCH_CLUSTERS_MAX = 2048;
const BATCH_BYTES_MAX = 32 * 1024 * 1024;

/** The guest's requests must not queue behind many large ones: one at a time, and pauses in between. */
const COPY_LIMITS = { bytesMax: 128 * 1024, inFlightMax: 1 };
const COPY_STEP_BYTES = 1024 * 1024;

/** An entry that names a cluster that could lie elsewhere. */
interface Candidate {
  /** Of the L2 table, and byte of the entry in it. */
  readonly index: number;
  readonly at: number;
  readonly source: number;
}

interface PlannedMove extends Candidate {
  readonly move: Move;
}

export class MovePass {
  readonly #context: RecycleContext;
  readonly #end: number;
  readonly #batchMax: number;
  #candidates: Candidate[] = [];
  #moved = 0;

  /** Moves what lies at cluster `end` or behind. */
  constructor(context: RecycleContext, end: number) {
    this.#context = context;
    this.#end = end;
    this.#batchMax = Math.max(
      1,
      Math.min(BATCH_CLUSTERS_MAX, Math.floor(BATCH_BYTES_MAX / context.clusterSize)),
    );
  }

  /** Resolves with how many clusters have moved. */
  async run(): Promise<number> {
    const { tables } = this.#context.disk;
    const { l1 } = tables;
    for (let index = l1.nextPresent(0, l1.size); index < tables.l1.size; ) {
      this.#context.signal.throwIfAborted();
      await yieldToHost();
      if (tables.isOwn(index)) await this.#visit(index);
      index = tables.l1.nextPresent(index + 1, tables.l1.size);
    }
    await this.#moveBatch();
    return this.#moved;
  }

  async #visit(index: number): Promise<void> {
    await this.#moveTable(index);
    // What lies in a data file has its place for good.
    if (this.#context.disk.refcounts.geometry.hasDataFile) return;
    const { clusterSize, l2EntrySize, disk } = this.#context;
    const table = await disk.tables.use(index);
    if (table === undefined) return;
    const found: Candidate[] = [];
    try {
      const { view } = table;
      for (let at = 0; at + l2EntrySize <= view.byteLength; at += l2EntrySize) {
        const high = view.getUint32(at);
        if (!l2EntryIsCopied(high)) continue;
        const source = l2EntryOffset(high, view.getUint32(at + 4)) / clusterSize;
        if (source >= this.#end) found.push({ index, at, source });
      }
    } finally {
      disk.tables.done(table);
    }
    for (const candidate of found) {
      this.#candidates.push(candidate);
      if (this.#candidates.length >= this.#batchMax) await this.#moveBatch();
    }
  }

  // A table has its copy in memory already: a commit writes it to the new place, and then has the L1 entry name that.
  async #moveTable(index: number): Promise<void> {
    const { clusterSize, disk, guestBytesPerL2, locks, states } = this.#context;
    const { allocator, committer, pending, tables } = disk;
    const source = tables.l1.l2Offset(index) / clusterSize;
    if (source < this.#end) return;
    const runs = await allocator.reserveBelow(this.#end, 1);
    if (runs.clusters === 0) return;
    const destination = runs.first(0);
    const table = await tables.use(index).catch(() => undefined);
    if (table !== undefined) tables.done(table);
    const start = index * guestBytesPerL2;
    const isSame = table !== undefined && tables.l1.l2Offset(index) === source * clusterSize;
    const isFree = !locks.holdsExclusive(start, start + guestBytesPerL2);
    if (!isSame || !isFree || !tables.tryMoveTable(index, destination * clusterSize)) {
      await allocator.release(runs);
      return;
    }
    states.change(destination, 1, "copying", "copied");
    await locks.settled(start, start + guestBytesPerL2);
    pending.add(source, 1, false);
    await committer.commit();
    // The commit has written the table, made it durable, and then the entry that names it.
    states.change(destination, 1, "copied", "flushed");
    states.change(destination, 1, "flushed", "referenced");
    states.change(destination, 1, "referenced", "used");
    this.#moved++;
  }

  async #moveBatch(): Promise<void> {
    const candidates = this.#candidates;
    this.#candidates = [];
    if (candidates.length === 0) return;
    const { allocator } = this.#context.disk;
    const places = await allocator.reserveBelow(this.#end, candidates.length);
    const planned = this.#begin(candidates, places);
    try {
      await this.#settled(planned);
      await this.#copy(planned);
      await this.#makeDurable(planned);
      await this.#rename(planned);
    } finally {
      for (const { move } of planned) this.#context.disk.moves.end(move);
      await this.#giveUp(planned);
      await this.#releaseSources(planned);
    }
  }

  #begin(candidates: readonly Candidate[], places: ClusterRuns): PlannedMove[] {
    const { disk, clusterSize, guestBytesPerL2, l2EntrySize } = this.#context;
    const planned: PlannedMove[] = [];
    let next = 0;
    for (let run = 0; run < places.length; run++) {
      for (let place = places.first(run); place < places.first(run) + places.count(run); place++) {
        const candidate = candidates[next++] as Candidate;
        const guest = candidate.index * guestBytesPerL2 + (candidate.at / l2EntrySize) * clusterSize;
        const move = disk.moves.begin(candidate.source, place, guest, clusterSize);
        planned.push({ ...candidate, move });
      }
    }
    return planned;
  }

  async #copy(planned: readonly PlannedMove[]): Promise<void> {
    const { disk, pace, states } = this.#context;
    const step = Math.max(1, Math.floor(COPY_STEP_BYTES / this.#context.clusterSize));
    pace.begin();
    for (let from = 0; from < planned.length; from += step) {
      await this.#copyStep(planned.slice(from, from + step));
      await pace.pause();
    }
    disk.committer.noteData();
    for (const { move } of planned)
      if (!move.isCancelled) states.change(move.destination, 1, "copying", "copied");
  }

  async #copyStep(planned: readonly PlannedMove[]): Promise<void> {
    const { backend, clusterSize, signal } = this.#context;
    const list = new CopyList();
    // What was cancelled is not copied: its source may be anything by now.
    for (const { move } of planned) if (!move.isCancelled) list.add(move.source, move.destination);
    await copyClusters(backend, clusterSize, list, { signal }, COPY_LIMITS);
  }

  async #makeDurable(planned: readonly PlannedMove[]): Promise<void> {
    const { disk, states } = this.#context;
    await disk.committer.commit();
    for (const { move } of planned)
      if (states.state(move.destination) === "copied" && !move.isCancelled)
        states.change(move.destination, 1, "copied", "flushed");
  }

  // Table by table, in steps that wait for nothing: no flush and no operation of the guest can come in between.
  async #rename(planned: readonly PlannedMove[]): Promise<void> {
    const { disk } = this.#context;
    for (let from = 0; from < planned.length; ) {
      const { index } = planned[from] as PlannedMove;
      let to = from + 1;
      while (planned[to]?.index === index) to++;
      const table = await disk.tables.use(index);
      if (table !== undefined) {
        try {
          if (disk.tables.isOwn(index)) {
            for (const each of planned.slice(from, to))
              if (this.#renameOne(table.view, each)) table.markDirty(each.at, 8);
          }
        } finally {
          disk.tables.done(table);
        }
      }
      from = to;
    }
  }

  #renameOne(view: DataView, { at, move }: PlannedMove): boolean {
    const { clusterSize, locks, states } = this.#context;
    const { geometry } = this.#context.disk.refcounts;
    const high = view.getUint32(at);
    const low = view.getUint32(at + 4);
    const kind = clusterKind(high, low, geometry);
    const isPlain = kind === L2Kind.normal || kind === L2Kind.zeroAllocated;
    const isSame = isPlain && l2EntryIsCopied(high) && l2EntryOffset(high, low) === move.source * clusterSize;
    const isFree = !locks.holdsExclusive(move.guest, move.guest + move.length);
    if (move.isCancelled || !isSame || !isFree) return false;
    if (states.state(move.destination) !== "flushed") return false;
    putL2Entry(view, at, move.destination * clusterSize, true, (low & 1) === 1);
    states.change(move.destination, 1, "flushed", "referenced");
    return true;
  }

  // Nothing names these destinations.
  async #giveUp(planned: readonly PlannedMove[]): Promise<void> {
    const { disk, states } = this.#context;
    const unused = new ClusterRuns();
    for (const { move } of planned) {
      const state = states.state(move.destination);
      if (state === "copying" || state === "copied" || state === "flushed") unused.add(move.destination, 1);
    }
    await disk.allocator.release(unused);
  }

  async #releaseSources(planned: readonly PlannedMove[]): Promise<void> {
    const { breakMoves, disk, states } = this.#context;
    const named = planned.filter(({ move }) => states.state(move.destination) === "referenced");
    if (named.length === 0) return;
    // Who reads from the old place must have ended before it can become anybody else's.
    await this.#settled(named);
    if (breakMoves === undefined) for (const { move } of named) disk.pending.add(move.source, 1, false);
    else await this.#giveUpTooEarly(named);
    await disk.committer.commit();
    for (const { move } of named) {
      if (states.state(move.destination) === "referenced")
        states.change(move.destination, 1, "referenced", "used");
    }
    this.#moved += named.length;
  }

  /** What must not be done, to prove that tests would notice. */
  async #giveUpTooEarly(named: readonly PlannedMove[]): Promise<void> {
    const { breakMoves, disk } = this.#context;
    for (const { move } of named) await disk.allocator.drop(move.source, 1);
    if (breakMoves === "cut-before-flush") await cutNow(this.#context);
    else for (const { move } of named) await eraseSome(this.#context, move.source, 1);
  }

  async #settled(planned: readonly PlannedMove[]): Promise<void> {
    const { guestBytesPerL2, locks } = this.#context;
    const indexes = new Set(planned.map(({ index }) => index));
    for (const index of indexes) {
      const start = index * guestBytesPerL2;
      await locks.settled(start, start + guestBytesPerL2);
    }
  }
}
