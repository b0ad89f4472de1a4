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

/** Most references past the end of the file that are remembered. */
const OUTSIDE_MAX = 1024;

export class References {
  readonly clusterSize: number;
  /** Clusters of the file. */
  readonly clusterCount: number;
  readonly counts: ClusterPages<Uint32Array>;
  /** The tables that were counted, but for L2 tables and refcount blocks. */
  readonly tables: TablePlace[] = [];
  /** Where references past the end of the file lead, the first of them, for those who make the file longer. */
  readonly outside: { readonly offset: number; readonly length: number }[] = [];
  /** Whether there are more than are in `outside`. */
  hasMoreOutside = false;
  readonly #end: number;
  readonly #log: FindingLog;
  #doubtful = false;

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
      this.#doubtful = true;
      this.addOutside(offset, length);
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

  /** Counts a place once, if it lies in the file, without a finding if it does not. */
  hold(offset: number, length: number): void {
    if (length > 0 && offset + length < this.#end) this.add(offset, length, "");
  }

  /** Keeps in mind that something references a place past the end of the file. */
  addOutside(offset: number, length: number): void {
    if (this.outside.length < OUTSIDE_MAX) this.outside.push({ offset, length });
    else this.hasMoreOutside = true;
  }

  /** Takes back what `add` counted with the same numbers. */
  remove(offset: number, length: number, times = 1): void {
    if (length <= 0 || offset + length >= this.#end) return;
    const last = Math.floor((offset + length - 1) / this.clusterSize);
    for (let index = Math.floor(offset / this.clusterSize); index <= last; index++)
      this.counts.subtract(index, times);
  }

  /**
   * Whether the image references more than was counted: something names a place that makes no sense. A cluster with
   * a refcount and without a reference may then be what was meant.
   */
  get isDoubtful(): boolean {
    return this.#doubtful;
  }

  /** Something referenced could not be counted. */
  doubt(): void {
    this.#doubtful = true;
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
