// Plans a new refcount table with its blocks (specification: "Host cluster management"): which blocks there are, and
// where all of it lies, in one run of clusters that the new blocks count, too. Pure but for asking for a place.

import { type Geometry, REFCOUNT_TABLE_BYTES_MAX } from "@qcow/format";
import type { TargetRefcounts } from "./target-refcounts.js";

const ENTRY_BYTES = 8;
const ENTRIES_MAX = REFCOUNT_TABLE_BYTES_MAX / ENTRY_BYTES;

export interface NewStructures {
  /** Index of the first cluster of the run: the blocks, then the table. */
  readonly first: number;
  /** Indexes of the blocks, ascending: the n-th lies in the n-th cluster of the run. */
  readonly blocks: readonly number[];
  readonly tableClusters: number;
}

/** The plan for the refcounts of `target`; undefined when the format has no room for them, or the file no place. */
export function planStructures(
  target: TargetRefcounts,
  geometry: Geometry,
  findRun: (count: number) => number | undefined,
): NewStructures | undefined {
  const perBlock = geometry.refcountBlockEntries;
  const needed = neededBlocks(target, perBlock);
  if (needed === undefined) return undefined;
  for (let total = 1; ; ) {
    const first = findRun(total);
    if (first === undefined || Math.floor((first + total - 1) / perBlock) >= ENTRIES_MAX) return undefined;
    const blocks = new Set(needed);
    const last = Math.floor((first + total - 1) / perBlock);
    for (let index = Math.floor(first / perBlock); index <= last; index++) blocks.add(index);
    const ascending = [...blocks].sort((a, b) => a - b);
    const entries = (ascending[ascending.length - 1] as number) + 1;
    const tableClusters = Math.ceil((entries * ENTRY_BYTES) / geometry.clusterSize);
    const clusters = blocks.size + tableClusters;
    if (clusters <= total) return { first, blocks: ascending, tableClusters };
    total = clusters;
  }
}

function neededBlocks(target: TargetRefcounts, perBlock: number): number[] | undefined {
  const needed: number[] = [];
  for (let index = 0; index * perBlock < target.size; index++) {
    if (!target.isNeeded(index * perBlock, (index + 1) * perBlock)) continue;
    if (index >= ENTRIES_MAX) return undefined;
    needed.push(index);
  }
  return needed;
}
