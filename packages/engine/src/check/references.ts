// Counts how often each host cluster is referenced. Owns the rule what counts as past the end of the file:
// a reference that exceeds it by a whole cluster or more (the last cluster may be shorter).

import { ClusterPages, type PageBudget } from "./cluster-pages.js";
import type { FindingLog } from "./finding-log.js";

/** Where a table lies that no other thing may share a cluster with. */
export interface TablePlace {
  /** Host offset and length in bytes. */
  readonly offset: number;
  readonly length: number;
  /** What findings call it. */
  readonly what: string;
  /** How many references to it are in order. */
  readonly times: number;
}

export class References {
  readonly clusterSize: number;
  /** Clusters of the file. */
  readonly clusterCount: number;
  readonly counts: ClusterPages<Uint32Array>;
  /** The tables that were counted, but for L2 tables and refcount blocks. */
  readonly tables: TablePlace[] = [];
  readonly #end: number;
  readonly #log: FindingLog;

  constructor(fileSize: number, clusterSize: number, budget: PageBudget, log: FindingLog) {
    this.clusterSize = clusterSize;
    this.clusterCount = Math.ceil(fileSize / clusterSize);
    this.#end = fileSize + clusterSize;
    this.#log = log;
    this.counts = new ClusterPages(this.clusterCount + 1, (length) => new Uint32Array(length), budget);
  }

  /** Counts a reference to a table, as `add` does, and keeps in mind where it lies. */
  addTable(offset: number, length: number, what: string, times = 1): void {
    this.add(offset, length, what, times);
    if (length > 0 && offset + length < this.#end) this.tables.push({ offset, length, what, times });
  }

  /** Counts a reference to each cluster of `[offset, offset + length)`, `times` over. `what` names it in a finding. */
  add(offset: number, length: number, what: string, times = 1): void {
    if (length <= 0) return;
    if (offset + length >= this.#end) {
      this.#log.corruption(
        "REFERENCE_OUTSIDE_FILE",
        () => `${what} at offset ${hex(offset)} with ${length} bytes lies past the end of the file`,
        offset,
        times,
      );
      return;
    }
    const last = Math.floor((offset + length - 1) / this.clusterSize);
    for (let index = Math.floor(offset / this.clusterSize); index <= last; index++)
      this.counts.add(index, times);
  }

  /** How often the cluster at `offset` is referenced. */
  countAt(offset: number): number {
    return this.counts.get(Math.floor(offset / this.clusterSize));
  }
}

/** `value` as findings write offsets and entries. */
export function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
