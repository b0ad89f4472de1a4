// What a repair is told and answers. Owns the shapes only.

import type { LongOptions } from "@qcow/block";
import type { CheckReport } from "../check/check-report.js";

/** `leaks` only lowers refcounts; `all` mends whatever can be. */
export type RepairMode = "leaks" | "all";

export interface RepairOptions extends LongOptions {
  readonly mode: RepairMode;
  /** Most findings to keep in each report; the totals count all. Default 1000. */
  readonly findingsMax?: number | undefined;
  /** Most bytes for counting clusters, as with `checkImage`; default 4 GiB. */
  readonly memoryBytesMax?: number | undefined;
}

export interface RepairReport {
  /** What the check before the repair found. */
  readonly before: CheckReport;
  /** What the check after it found; the same when nothing was to be done. */
  readonly after: CheckReport;
  /** Clusters whose refcount was lowered to the number of references. */
  readonly leaksFixed: number;
  /** Everything else that was put right. */
  readonly corruptionsFixed: number;
}
