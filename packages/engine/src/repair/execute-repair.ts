// Carries a repair out. Owns the order, which makes a crash at any instant harmless: refcounts go up before anything
// relies on them and before COPIED flags go, places of new things are durable before they are named, and what is no
// longer named loses its refcount last.

import type { BlockBackend, LongOptions } from "@qcow/block";
import type { ImageScan } from "../check/scan-image.js";
import { clearUnknownAutoclear, unknownAutoclear } from "./header-fields.js";
import { mendTables } from "./mend-tables.js";
import { lacksBlock, type RepairPlan } from "./plan-repair.js";
import { rebuildRefcounts } from "./rebuild-refcounts.js";
import { copyTables } from "./relocate-tables.js";
import { writeNewSnapshotTable } from "./rewrite-snapshots.js";
import { type BlockPlaces, syncRefcounts } from "./sync-refcounts.js";
import type { TargetRefcounts } from "./target-refcounts.js";

/** How much was put right. */
export interface RepairedNumbers {
  readonly leaks: number;
  readonly corruptions: number;
}

/**
 * Carries out `plan`, whose `scan` is used up by it. Resolves with undefined when refcounts have to be rebuilt and cannot
 * be; then nothing that counts was written. What was written last is not flushed.
 */
export async function executeRepair(
  backend: BlockBackend,
  scan: ImageScan,
  target: TargetRefcounts,
  plan: RepairPlan,
  options: LongOptions,
): Promise<RepairedNumbers | undefined> {
  const { header } = scan.head;
  if (unknownAutoclear(header) !== 0n) await clearUnknownAutoclear(backend, header);
  // Those who wrote before may not have flushed: what was read, and is relied on from here on, must be durable, too.
  await backend.flush();
  const copies = plan.relocation && (await copyTables(backend, scan, plan.relocation, options));
  const snapshots = plan.shortSnapshots > 0 ? await writeNewSnapshotTable(backend, scan) : undefined;
  const places = await setRefcounts(backend, scan, target, plan, options);
  if (places === undefined) return undefined;

  options.signal?.throwIfAborted();
  await snapshots?.activate();
  await copies?.activate();
  // After tables have moved the next round looks at their entries.
  const mendsTables = copies === undefined && (plan.fixesFlags || plan.unalignedZeros > 0);
  const mended = mendsTables ? await mendTables(backend, scan, plan, options) : { flags: 0, zeros: 0 };
  if (snapshots !== undefined || copies !== undefined || mended.zeros > 0) {
    await backend.flush();
    await syncRefcounts(backend, scan, target, places, options);
  }
  const replaced = (snapshots === undefined ? 0 : plan.shortSnapshots) + (copies?.count ?? 0);
  return {
    leaks: plan.lowered,
    corruptions: plan.raised + plan.badBlocks + mended.flags + mended.zeros + replaced,
  };
}

// Every refcount right, and durable. Resolves with where the blocks are.
async function setRefcounts(
  backend: BlockBackend,
  scan: ImageScan,
  target: TargetRefcounts,
  plan: RepairPlan,
  options: LongOptions,
): Promise<BlockPlaces | undefined> {
  // What is new may lie where no block counts it.
  if (plan.rebuilds || lacksBlock(scan, target))
    return await rebuildRefcounts(backend, scan, target, options);
  const places: BlockPlaces = (index) => scan.stored.blockOffset(index);
  const written = await syncRefcounts(backend, scan, target, places, options);
  if (written > 0) await backend.flush();
  return places;
}
