// Plans a larger refcount table (specification: "Host cluster management"). Pure: where the new table and the blocks
// that count it and themselves are to lie.

import type { Geometry } from "@qcow/format";
import { REFCOUNT_TABLE_ENTRIES_MAX } from "./refcount-store.js";

export interface TableGrowth {
  /** Index of the first host cluster that is taken: the new blocks, then the table. */
  readonly first: number;
  readonly blocks: number;
  readonly tableClusters: number;
}

/**
 * The growth that makes block `index`, the first that a table of `entries` entries has no room for, and as many after
 * it as count the new blocks and the table. Undefined when the table would be larger than the format allows.
 */
export function planTableGrowth(index: number, entries: number, geometry: Geometry): TableGrowth | undefined {
  const perCluster = geometry.clusterSize / 8;
  const perBlock = geometry.refcountBlockEntries;
  const entriesMax = Math.floor(REFCOUNT_TABLE_ENTRIES_MAX / perCluster) * perCluster;
  let blocks = 1;
  for (;;) {
    const needed = index + blocks;
    if (needed > entriesMax) return undefined;
    // Half as much again: growing is rare, also for small clusters.
    const wanted = Math.min(entriesMax, Math.max(needed, Math.ceil(entries * 1.5)));
    const tableClusters = Math.ceil(wanted / perCluster);
    const counted = Math.ceil((blocks + tableClusters) / perBlock);
    if (counted <= blocks) return { first: index * perBlock, blocks, tableClusters };
    blocks = counted;
  }
}
