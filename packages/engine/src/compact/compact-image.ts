// Makes the file of an image as short as what it holds: scan, plan, move, cut off. Owns the rounds, and which images are
// refused; what a move is lies in move-batch.ts, and why no crash loses anything in docs/compaction.md.

import type { BlockBackend } from "@qcow/block";
import { isCorrupt, isDirty } from "@qcow/format";
import { MEMORY_BYTES_MAX_DEFAULT } from "../check/check-image.js";
import { compareRefcounts } from "../check/compare-refcounts.js";
import { FindingLog } from "../check/finding-log.js";
import { scanImage } from "../check/scan-image.js";
import { EngineError } from "../engine-error.js";
import type { ImageHead } from "../image-metadata.js";
import { readHead } from "../read-head.js";
import { repairDirty } from "../repair/repair-dirty.js";
import { repairImage } from "../repair/repair-image.js";
import type { ClusterUse } from "./cluster-use.js";
import type { CompactOptions, CompactReport } from "./compact-report.js";
import { type Compaction, CompactionTally } from "./compaction.js";
import { findGuestOrder } from "./guest-order.js";
import type { MoveMap } from "./move-map.js";
import { SingleMover } from "./move-singles.js";
import { moveStreams, type NamedTable } from "./move-streams.js";
import { moveStructure } from "./move-structures.js";
import { isIdlePlan, type MovePlan, needsAnotherRound } from "./plan-moves.js";
import { ClusterSorter } from "./sort-clusters.js";
import { notSound, type Survey, surveyImage } from "./survey-image.js";
import { withDisk } from "./with-disk.js";

/** Moving one thing may make room for another; a table only ever goes to a lower place, so this comes to an end. */
const ROUNDS_MAX = 16;

/**
 * Makes the image file in `backend` as short as its clusters in use allow, in place: what lies at the end goes into the
 * holes before, and the rest is cut off. The guest's disk, snapshots and bitmaps read the same, at every moment. Leaked
 * clusters are freed first, and a dirty image is repaired. Takes no space but what is written before what it replaces
 * is given up: up to 128 MiB at a time, within the file; for `defragment` up to 64 MiB behind it, for a while.
 *
 * Nobody else may use the image meanwhile. When the signal ends it, or a crash, the image is sound, and what was moved
 * stays moved. Progress is in clusters. Rejects `QCOW2_CORRUPT` for an image that is not sound, `QCOW2_ENCRYPTED`, and
 * as `checkImage` does.
 */
export async function compactImage(
  backend: BlockBackend,
  options: CompactOptions = {},
): Promise<CompactReport> {
  const sizeBefore = await backend.size(options);
  const tally = new CompactionTally(options.onProgress);
  refuseUnmovable(await readHead(backend, options));
  if (options.dryRun === true) return dryReport(await surveyImage(backend, options), sizeBefore, options);
  const leaksFixed = await settle(backend, options);
  const survey = await runRounds(backend, tally, options);
  const sorted = options.defragment === true ? await defragment(backend, survey, tally, options) : {};
  tally.finish();
  return {
    dryRun: false,
    clusterSize: survey.use.clusterSize,
    sizeBefore,
    sizeAfter: await backend.size(options),
    leaksFixed,
    clustersMoved: tally.clusters,
    bytesCopied: tally.bytes,
    referencesChanged: tally.references,
    ...sorted,
  };
}

// Puts in order what has been moved. `first` is what was known before anything was.
async function defragment(
  backend: BlockBackend,
  first: Survey,
  tally: CompactionTally,
  options: CompactOptions,
): Promise<Pick<CompactReport, "fragmentedBefore" | "fragmentedAfter">> {
  const { use } = await surveyImage(backend, options);
  await withDisk(backend, tally, options, async (compaction) => {
    // A data file is nobody's to order: its clusters need not be in this file.
    if (compaction.metadata.geometry.hasDataFile) return;
    await new ClusterSorter(compaction, await findGuestOrder(compaction, use)).run();
  });
  // What counts the clusters that were there for a while may have made the file longer.
  await runRounds(backend, tally, options);
  const { scan } = await surveyImage(backend, options);
  return { fragmentedBefore: first.scan.tally.fragmented, fragmentedAfter: scan.tally.fragmented };
}

// Until there is nothing to move, or nothing moves. Resolves with what was known before the first round.
async function runRounds(
  backend: BlockBackend,
  tally: CompactionTally,
  options: CompactOptions,
): Promise<Survey> {
  const first = await surveyImage(backend, options);
  let survey = first;
  for (let round = 1; round <= ROUNDS_MAX; round++) {
    const { plan, use } = survey;
    if (isIdlePlan(plan) && lastUsed(use) + 1 === use.clusterCount) break;
    const { references } = tally;
    await runRound(backend, survey, tally, options);
    if (!needsAnotherRound(plan) || tally.references === references) break;
    survey = await surveyImage(backend, options);
  }
  return first;
}

async function runRound(
  backend: BlockBackend,
  { scan, use, plan }: Survey,
  tally: CompactionTally,
  options: CompactOptions,
): Promise<void> {
  const tables = Array.from(scan.tables.offsets(), (offset) => ({
    offset,
    times: scan.tables.use(offset).total,
  }));
  await withDisk(backend, tally, options, (compaction) => moveAll(compaction, use, plan, tables));
}

// Before anything is written or promised: what the rounds would refuse only once something is to be moved.
function refuseUnmovable({ header, label }: ImageHead): void {
  if (isCorrupt(header)) {
    throw new EngineError("QCOW2_CORRUPT", `${label} is marked corrupt; repair it before compacting it`);
  }
  // LUKS encrypts each sector with its place in the file.
  if (header.cryptMethod !== 0) {
    throw new EngineError(
      "QCOW2_ENCRYPTED",
      `the contents of ${label} are encrypted; compacting is not supported`,
    );
  }
}

// Refcounts are right afterwards, if they can be. Resolves with the number of leaks that were there.
async function settle(backend: BlockBackend, options: CompactOptions): Promise<number> {
  const { signal, memoryBytesMax } = options;
  if (isDirty((await readHead(backend, { signal })).header)) {
    await repairDirty(backend, { signal });
    return 0;
  }
  const log = new FindingLog(1);
  const scan = await scanImage(backend, log, memoryBytesMax ?? MEMORY_BYTES_MAX_DEFAULT, { signal });
  compareRefcounts(scan);
  if (log.corruptions + log.errors > 0) throw notSound(backend, log);
  if (log.leaks === 0) return 0;
  return (await repairImage(backend, { mode: "leaks", signal, memoryBytesMax })).leaksFixed;
}

async function moveAll(
  compaction: Compaction,
  { structures, clusterSize }: ClusterUse,
  plan: MovePlan,
  tables: readonly NamedTable[],
): Promise<void> {
  const { tally } = compaction;
  tally.expect(plan.singles.size + plan.evictions.size);
  await new SingleMover(compaction, plan.singles, structures).run(tables);
  const placed = afterMoves(tables, plan.singles, clusterSize);
  await new SingleMover(compaction, plan.evictions, structures).run(placed);
  for (const move of plan.structures) await moveStructure(compaction, move);
  // Last, since streams take whatever is free then.
  if (!plan.hasStreams) return;
  await moveStreams(compaction, plan.end, afterMoves(placed, plan.evictions, clusterSize));
}

function afterMoves(tables: readonly NamedTable[], moves: MoveMap, clusterSize: number): NamedTable[] {
  return tables.map(({ offset, times }) => {
    const destination = moves.destination(offset / clusterSize);
    return { offset: destination === 0 ? offset : destination * clusterSize, times };
  });
}

function lastUsed(use: ClusterUse): number {
  let index = use.clusterCount - 1;
  while (index > 0 && use.references(index) === 0) index--;
  return index;
}

function dryReport({ scan, use, plan }: Survey, sizeBefore: number, options: CompactOptions): CompactReport {
  const moves = plan.singles.size + plan.structures.length;
  const end = plan.hasStreams || moves > 0 ? plan.end : lastUsed(use) + 1;
  return {
    dryRun: true,
    clusterSize: use.clusterSize,
    sizeBefore,
    sizeAfter: Math.min(sizeBefore, end * use.clusterSize),
    leaksFixed: 0,
    clustersMoved: moves,
    bytesCopied: 0,
    referencesChanged: 0,
    ...(options.defragment === true ? { fragmentedBefore: scan.tally.fragmented } : {}),
  };
}
