// Makes changes durable, many at once, in the order that a power loss allows (see ARCHITECTURE.md, "How a commit
// orders its writes"). The only place that writes tables, and the only place that flushes. Owns the phases:
//
//   1. data, new tables, refcounts     flush     (nothing durable names any of it yet)
//   2. refcount table, or its place    flush     (only when blocks are new)
//   3. L2 and L1 entries               flush
//   4. clusters that lost their last reference are free
//
// A commit without new mappings is one flush, one with is two, and operations go on meanwhile: a commit works on copies.

import type { BlockBackend } from "@qcow/block";
import type { Allocator } from "../allocate/allocator.js";
import type { CompressedSpace } from "../allocate/compressed-space.js";
import type { Frees, PendingFrees } from "../allocate/pending-frees.js";
import type { RefcountStore } from "../allocate/refcount-store.js";
import { EngineError } from "../engine-error.js";
import type { Observer } from "../observer.js";
import type { Moves } from "../recycle/moves.js";
import type { ActiveTables } from "../tables/active-tables.js";
import type { DirtyTable } from "../tables/dirty-table.js";
import type { HeaderStore } from "../tables/header-store.js";
import type { SharedTables } from "../tables/shared-tables.js";
import { giveBack } from "./give-back.js";
import {
  type MetadataSnapshot,
  markDurable,
  markWhole,
  piecesOf,
  putBack,
  takeSnapshot,
} from "./snapshot-metadata.js";
import { writePieces } from "./write-pieces.js";

export interface CommitterSetup {
  readonly backend: BlockBackend;
  /** The external data file, where there is one. */
  readonly dataFile: BlockBackend | undefined;
  readonly header: HeaderStore;
  readonly tables: ActiveTables;
  readonly sharedTables: SharedTables;
  readonly refcounts: RefcountStore;
  readonly allocator: Allocator;
  readonly compressedSpace: CompressedSpace;
  readonly pending: PendingFrees;
  readonly moves: Moves;
  /** Refcounts reach the file at the end only, under the dirty bit. */
  readonly lazy: boolean;
  readonly punchHoles: boolean;
  readonly observer?: Observer | undefined;
}

/** Dirty refcount blocks that are kept back at most, in bytes. */
const LAZY_BYTES_MAX = 64 * 1024 * 1024;

export class Committer {
  readonly #setup: CommitterSetup;
  /** The commit that runs, with the frees that follow it; never rejects. */
  #running: Promise<void> = Promise.resolve();
  /** The commit that has not begun and will have everything that is done by then. */
  #next: Promise<void> | undefined;
  #coversEarlier = false;
  #needsFlush = false;
  #dataFileNeedsFlush = false;
  #failure: EngineError | undefined;

  constructor(setup: CommitterSetup) {
    this.#setup = setup;
  }

  /** The image file. */
  get imageBackend(): BlockBackend {
    return this.#setup.backend;
  }

  /** Guest data was written to the image file or its data file, and is not durable. */
  noteData(): void {
    if (this.#setup.dataFile === undefined) this.#needsFlush = true;
    else this.#dataFileNeedsFlush = true;
  }

  /**
   * Who wrote to the files before may not have flushed: what is read from them, and built on, is to be made durable, too.
   * Once in a session.
   */
  coverEarlierWriters(): void {
    if (this.#coversEarlier) return;
    this.#coversEarlier = true;
    this.#needsFlush = true;
    this.#dataFileNeedsFlush = this.#setup.dataFile !== undefined;
  }

  /** Throws `QCOW2_FLUSH_FAILED` after a failed flush: what the file has is unknown, so nothing more is written. */
  requireSound(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Resolves once everything that was done before the call is durable. Calls that come together share a commit. */
  commit(): Promise<void> {
    this.#next ??= this.#afterRunning(false);
    return this.#next;
  }

  /** Resolves once what the commits so far have freed can be given out again. */
  async freed(): Promise<void> {
    await this.#running;
  }

  /** As `commit`, with all refcounts, and until nothing is left to be freed. No operation may be under way. */
  async commitAll(): Promise<void> {
    do {
      await this.#afterRunning(true);
      await this.#running;
    } while (this.#setup.refcounts.isDirty || this.#setup.pending.clusters > 0);
  }

  /** Runs `job` when no commit runs, and keeps them from running until it ends. For changes of structure. */
  async exclusively<T>(job: () => Promise<T>): Promise<T> {
    const result = this.#running.then(job);
    this.#running = result.then(
      () => undefined,
      () => undefined,
    );
    return await result;
  }

  /** Flushes the image file; for those who hold `exclusively`. */
  async flushImage(): Promise<void> {
    await this.#flush(true, false);
  }

  /** Writes everything as `commitAll` would, but for what is to be freed; for those who hold `exclusively`. */
  async commitMetadata(): Promise<void> {
    await this.#runPhases(true);
  }

  async #afterRunning(withRefcounts: boolean): Promise<void> {
    for (let running: Promise<void> | undefined; running !== this.#running; ) {
      running = this.#running;
      await running;
    }
    if (!withRefcounts) this.#next = undefined;
    const frees = this.#setup.pending.take();
    const durable = this.#runPhases(withRefcounts);
    this.#running = durable.then(
      () => this.#giveBack(frees),
      () => this.#setup.pending.putBack(frees),
    );
    await durable;
  }

  async #runPhases(withRefcounts: boolean): Promise<void> {
    this.requireSound();
    const { backend, header, tables, refcounts, observer } = this.#setup;
    // The place of what has moved waits to be free, so the header or the table must name the new one before that.
    const moved = refcounts.isMoved || refcounts.hasMovedBlocks;
    const deferred = this.#setup.lazy && !withRefcounts && !moved && !this.#isPressed();
    const snapshot = takeSnapshot(tables, this.#setup.sharedTables, refcounts, !deferred);
    try {
      if (header.isUncertain) await this.#writeHeaderAgain();
      if (deferred && refcounts.isDirty) await this.#declareDirty();
      const first = piecesOf(snapshot.unreferenced);
      if (first.length > 0) this.#needsFlush = true;
      await writePieces(backend, first);
      await this.#flush(this.#needsFlush, this.#dataFileNeedsFlush);
      markWhole(snapshot);
      await this.#nameNewBlocks(snapshot);
      const mapping = piecesOf(snapshot.mapping);
      if (mapping.length > 0) {
        this.#needsFlush = true;
        await writePieces(backend, mapping);
        await this.#flush(true, false);
      }
      markDurable(snapshot);
      tables.l2.trim();
      observer?.commit?.({ tables: snapshot.mapping.length + snapshot.unreferenced.length });
    } catch (error) {
      putBack(snapshot);
      throw error;
    }
  }

  // A write that failed may have reached the file all the same, and what it said is not so.
  async #writeHeaderAgain(): Promise<void> {
    this.#needsFlush = true;
    await this.#setup.header.update({});
  }

  // The bit must be durable before an entry is that relies on a refcount which is not: it goes along with phase 1.
  async #declareDirty(): Promise<void> {
    if (this.#setup.header.isDirty) return;
    this.#needsFlush = true;
    await this.#setup.header.setDirty(true);
  }

  async #nameNewBlocks({ refcountTable, movedTable }: MetadataSnapshot): Promise<void> {
    const pieces = piecesOf(refcountTable);
    if (pieces.length === 0 && movedTable === undefined) return;
    this.#needsFlush = true;
    await writePieces(this.#setup.backend, pieces);
    if (movedTable !== undefined) await this.#nameTable(movedTable);
    await this.#flush(true, false);
    if (movedTable !== undefined) movedTable.isNew = false;
    this.#setup.refcounts.hasMovedBlocks = false;
  }

  async #nameTable({ offset, bytes }: DirtyTable): Promise<void> {
    const { header, refcounts } = this.#setup;
    try {
      await header.update({
        refcountTableOffset: BigInt(offset),
        refcountTableClusters: bytes.byteLength / refcounts.geometry.clusterSize,
      });
    } catch (error) {
      // The header may name either table now, and a later change would go to one of them only.
      throw this.fail(error);
    }
  }

  /** A failed flush is final: the host may have dropped what it could not write, and the next flush would not tell. */
  async #flush(image: boolean, dataFile: boolean): Promise<void> {
    const { backend, dataFile: data, observer } = this.#setup;
    const flushes: Promise<void>[] = [];
    if (image) {
      this.#needsFlush = false;
      flushes.push(backend.flush());
    }
    if (dataFile && data !== undefined) {
      this.#dataFileNeedsFlush = false;
      flushes.push(data.flush());
    }
    if (flushes.length === 0) return;
    for (const result of await Promise.allSettled(flushes)) {
      if (result.status === "rejected") throw this.fail(result.reason);
    }
    observer?.hostFlush?.({});
  }

  /** The image must not be written to any more, because of `cause`; gives the error that says so. */
  fail(cause: unknown): EngineError {
    this.#failure ??= new EngineError(
      "QCOW2_FLUSH_FAILED",
      `a flush of ${this.#setup.backend.label} failed; what it has stored is unknown, so nothing more is written to it`,
      { cause },
    );
    return this.#failure;
  }

  // Their refcounts in memory go down; those in the file with a later commit, or never: that is a leak, no damage.
  async #giveBack(frees: Frees): Promise<void> {
    const { allocator, compressedSpace, moves, backend, punchHoles } = this.#setup;
    const forget = (first: number, count: number): void => {
      compressedSpace.forget(first, count);
      moves.touch(first, count);
    };
    try {
      await giveBack(allocator, frees, forget, punchHoles ? backend : undefined);
    } catch {
      // What could not be read or counted stays in use.
    }
  }

  #isPressed(): boolean {
    const { refcounts } = this.#setup;
    return refcounts.dirtyBlocks().length * refcounts.geometry.clusterSize > LAZY_BYTES_MAX;
  }
}
