// The L2 tables that L1 tables name, each once, with how often it is named: a table shared by snapshots is
// read once, however many share it. Owns the findings about L1 entries.

import { l1EntryHasReservedBits, l1EntryIsCopied } from "@qcow/format";
import type { L1Table } from "../tables/l1-table.js";
import type { FindingLog } from "./finding-log.js";
import { hex, type References } from "./references.js";
import type { StoredRefcounts } from "./stored-refcounts.js";

/** How often a table is named: by the active L1 table, and by all. */
export interface L2Use {
  active: number;
  total: number;
}

export class L2Tables {
  readonly #uses = new Map<number, L2Use>();
  readonly #references: References;
  readonly #stored: StoredRefcounts;
  readonly #log: FindingLog;

  constructor(references: References, stored: StoredRefcounts, log: FindingLog) {
    this.#references = references;
    this.#stored = stored;
    this.#log = log;
  }

  /** Counts what `table` references. `owner` names it in findings; `times` is how often the table itself is in use. */
  addL1(table: L1Table, owner: string, active: boolean, times = 1): void {
    for (let index = 0; index < table.size; index++) {
      const high = table.high(index);
      const low = table.low(index);
      if ((high | low) !== 0) this.#addEntry(high, low, table.l2Offset(index), index, owner, active, times);
    }
  }

  #addEntry(
    high: number,
    low: number,
    offset: number,
    index: number,
    owner: string,
    active: boolean,
    times: number,
  ): void {
    const { clusterSize } = this.#references;
    const name = () => `entry ${index} of the L1 table of ${owner}`;
    if (l1EntryHasReservedBits(high, low)) {
      this.#log.corruption("RESERVED_BITS_SET", () => `${name()} has reserved bits set`, offset, times);
    }
    this.#references.add(offset, clusterSize, "an L2 table", times);
    if (offset % clusterSize !== 0) {
      const message = () => `${name()} names offset ${hex(offset)}, which is not aligned to clusters`;
      this.#log.corruption("UNALIGNED_OFFSET", message, offset, times);
      this.#references.doubt();
    } else if (offset !== 0) this.#addUse(offset, active, times);
    else this.#references.doubt();
    if (active && offset !== 0) this.#checkCopied(l1EntryIsCopied(high), offset, name);
  }

  #addUse(offset: number, active: boolean, times: number): void {
    let use = this.#uses.get(offset);
    if (use === undefined) {
      use = { active: 0, total: 0 };
      this.#uses.set(offset, use);
    }
    use.total += times;
    if (active) use.active += times;
  }

  #checkCopied(copied: boolean, offset: number, name: () => string): void {
    const index = Math.floor(offset / this.#references.clusterSize);
    const refcount = this.#stored.get(index);
    if (copied === (refcount === 1) || !this.#stored.isKnown(index)) return;
    const message = () => `OFLAG_COPIED L2 cluster: ${name()}, offset ${hex(offset)} refcount=${refcount}`;
    this.#log.corruption("COPIED_FLAG_WRONG", message, offset);
  }

  /** Offsets of all tables that start inside the file, ascending. */
  offsets(): Float64Array {
    const end = this.#references.clusterCount * this.#references.clusterSize;
    return Float64Array.from(this.#uses.keys())
      .filter((offset) => offset < end)
      .sort();
  }

  use(offset: number): L2Use {
    return this.#uses.get(offset) as L2Use;
  }
}
