// What the file lacks of the metadata at one moment, as copies, sorted by when it may be written. Owns taking it, and
// putting it back when a commit fails. Synchronous: nothing can change while it is taken.

import type { RefcountStore } from "../allocate/refcount-store.js";
import type { ActiveTables } from "../tables/active-tables.js";
import type { DirtyPiece, DirtyTable } from "../tables/dirty-table.js";
import type { SharedTables } from "../tables/shared-tables.js";

interface Taken {
  readonly table: DirtyTable;
  readonly pieces: readonly DirtyPiece[];
}

/** Copies of what is to be written. */
export interface MetadataSnapshot {
  /** Nothing durable names these yet, or they only add to refcounts: new tables, refcount blocks. */
  readonly unreferenced: readonly Taken[];
  /** Entries of the refcount table, which name new blocks. */
  readonly refcountTable: readonly Taken[];
  /** Entries of L2 and L1 tables, which name clusters. */
  readonly mapping: readonly Taken[];
  /** The refcount table has a new place, which the header must name. */
  readonly movedTable: DirtyTable | undefined;
}

/** Takes what is dirty; the refcounts only where `withRefcounts` says so. */
export function takeSnapshot(
  tables: ActiveTables,
  shared: SharedTables,
  refcounts: RefcountStore,
  withRefcounts: boolean,
): MetadataSnapshot {
  const l2 = tables.l2.dirtyTables();
  const blocks = withRefcounts ? refcounts.dirtyBlocks() : [];
  const moved = withRefcounts && refcounts.isMoved ? refcounts.table : undefined;
  const unreferenced = [...blocks, ...l2.filter(({ isNew }) => isNew)];
  if (moved !== undefined) unreferenced.push(moved);
  return {
    unreferenced: unreferenced.map(take),
    refcountTable: withRefcounts && moved === undefined ? takeAll([refcounts.table]) : [],
    mapping: takeAll([...l2.filter(({ isNew }) => !isNew), tables.l1Table, ...shared.tables()]),
    movedTable: moved,
  };
}

/** The pieces of `taken`. */
export function piecesOf(taken: readonly Taken[]): DirtyPiece[] {
  return taken.flatMap(({ pieces }) => pieces);
}

/**
 * What nothing durable named is whole in the file. From now on something may name it, whatever becomes of the commit, so
 * what changes of it waits for what it names in turn. Not so the refcount table: that is new until the header names it.
 */
export function markWhole({ unreferenced, movedTable }: MetadataSnapshot): void {
  for (const { table } of unreferenced) if (table !== movedTable) table.isNew = false;
}

/** All of `snapshot` is in the file and durable. */
export function markDurable(snapshot: MetadataSnapshot): void {
  for (const { table } of allOf(snapshot)) table.isUnderWay = false;
}

/** Not all of `snapshot` is in the file: it is to be written again. */
export function putBack(snapshot: MetadataSnapshot): void {
  for (const { table, pieces } of allOf(snapshot)) {
    table.isUnderWay = false;
    if (!table.isNew) table.putBack(pieces);
  }
}

function allOf({ unreferenced, refcountTable, mapping }: MetadataSnapshot): Taken[] {
  return [...unreferenced, ...refcountTable, ...mapping];
}

function take(table: DirtyTable): Taken {
  table.isUnderWay = true;
  return { table, pieces: table.takeDirty() };
}

function takeAll(tables: readonly DirtyTable[]): Taken[] {
  return tables.filter(({ isDirty }) => isDirty).map(take);
}
