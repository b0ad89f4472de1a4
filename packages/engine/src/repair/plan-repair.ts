// Decides what a repair does, from what a scan found. Pure.

import { lacksExtraData } from "../check/check-snapshots.js";
import type { RefcountComparison } from "../check/compare-refcounts.js";
import type { ImageScan } from "../check/scan-image.js";
import { planRelocation, type Relocation } from "./plan-relocation.js";
import type { RepairMode } from "./repair-report.js";
import type { TargetRefcounts } from "./target-refcounts.js";

export interface RepairPlan {
  /** Nothing may be done: refcounts are so wrong that leaks cannot be told from clusters in use. */
  readonly isRefused: boolean;
  /** The refcount table and its blocks are written anew elsewhere. */
  readonly rebuilds: boolean;
  /** Refcounts are lowered: so many leaks go. */
  readonly lowered: number;
  /** Refcounts are raised. */
  readonly raised: number;
  /** The COPIED flags of the active tables are looked through. */
  readonly fixesFlags: boolean;
  /** Entries of all L2 tables to be made plain zeros. */
  readonly unalignedZeros: number;
  /** Snapshot table entries to be completed. */
  readonly shortSnapshots: number;
  /** Tables to be given a cluster of their own. */
  readonly relocation: Relocation | undefined;
  /** Defects of the refcount structures themselves that a rebuild removes. */
  readonly badBlocks: number;
}

export function planRepair(
  scan: ImageScan,
  compared: RefcountComparison,
  target: TargetRefcounts,
  mode: RepairMode,
): RepairPlan {
  const { stored, isDoubtful } = scan;
  const lowered = isDoubtful ? 0 : compared.tooHigh;
  const isBroken = !stored.isSound || lacksBlock(scan, target);
  if (mode === "leaks") {
    return {
      ...NOTHING,
      isRefused: isBroken || compared.unprotected > 0,
      lowered,
      fixesFlags: leaksOnly(scan, compared),
    };
  }
  return {
    isRefused: false,
    rebuilds: isBroken,
    lowered,
    raised: compared.tooLow,
    fixesFlags: flagsMayBeWrong(scan, compared),
    unalignedZeros: scan.tally.unalignedZeros,
    // Where something cannot be found, what stands in a table may be no table at all.
    shortSnapshots: isDoubtful ? 0 : countShortSnapshots(scan),
    // A rebuild may end the sharing by itself: then the next round sees what is left.
    relocation: isDoubtful || isBroken ? undefined : relocationOf(scan),
    badBlocks: isBroken ? stored.defects : 0,
  };
}

/** Whether the plan changes nothing. */
export function isIdle(plan: RepairPlan): boolean {
  return (
    !plan.rebuilds &&
    !plan.fixesFlags &&
    plan.relocation === undefined &&
    plan.lowered + plan.raised + plan.unalignedZeros + plan.shortSnapshots === 0
  );
}

const NOTHING: RepairPlan = {
  isRefused: false,
  rebuilds: false,
  lowered: 0,
  raised: 0,
  fixesFlags: false,
  unalignedZeros: 0,
  shortSnapshots: 0,
  relocation: undefined,
  badBlocks: 0,
};

/** Whether a cluster should have a refcount that no block has room for. */
export function lacksBlock({ stored, head }: ImageScan, target: TargetRefcounts): boolean {
  const perBlock = head.geometry.refcountBlockEntries;
  for (let index = 0; index * perBlock < target.size; index++) {
    if (stored.blockOffset(index) !== 0) continue;
    if (target.isNeeded(index * perBlock, (index + 1) * perBlock)) return true;
  }
  return false;
}

function flagsMayBeWrong({ log }: ImageScan, compared: RefcountComparison): boolean {
  return log.count("COPIED_FLAG_WRONG") > 0 || compared.soleDiffers > 0;
}

// Flags follow refcounts: only where those are right once the leaks are gone, as QEMU has it.
function leaksOnly(scan: ImageScan, compared: RefcountComparison): boolean {
  const { log, isDoubtful } = scan;
  const others = log.corruptions - log.count("COPIED_FLAG_WRONG") + log.errors;
  return others === 0 && !isDoubtful && flagsMayBeWrong(scan, compared);
}

function relocationOf(scan: ImageScan): Relocation | undefined {
  if (scan.log.count("CLUSTER_OVERLAP") === 0) return undefined;
  const relocation = planRelocation(scan);
  return relocation.l1 || relocation.l2.length > 0 ? relocation : undefined;
}

function countShortSnapshots({ head, snapshots }: ImageScan): number {
  const { version } = head.header;
  return snapshots?.snapshots.filter((snapshot) => lacksExtraData(snapshot, version)).length ?? 0;
}
