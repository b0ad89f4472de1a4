// Makes the file of an image as short as what it holds: scan, plan, move, cut off. Owns the rounds, and which images are
// refused; what a move is lies in move-batch.ts, and why no crash loses anything in docs/compaction.md.

import type { BlockBackend } from "@qcow/block";
import { isCorrupt, isDirty } from "@qcow/format";
import { MEMORY_BYTES_MAX_DEFAULT } from "../check/check-image.js";
import { PageBudget } from "../check/cluster-pages.js";
import { compareRefcounts } from "../check/compare-refcounts.js";
import { FindingLog } from "../check/finding-log.js";
import { type ImageScan, scanImage } from "../check/scan-image.js";
import { clearUnknownAutoclear } from "../commit/prepare-writing.js";
import { EngineError } from "../engine-error.js";
import type { ImageHead } from "../image-metadata.js";
import { readHead } from "../read-head.js";
import { readMetadata } from "../read-metadata.js";
import { repairDirty } from "../repair/repair-dirty.js";
import { repairImage } from "../repair/repair-image.js";
import { readBitmapDirectory } from "../tables/read-bitmaps.js";
import { closeDisk } from "../write/close-disk.js";
import { openDisk } from "../write/open-disk.js";
import { type ClusterUse, clusterUse, compressedClusters } from "./cluster-use.js";
import type { CompactOptions, CompactReport } from "./compact-report.js";
import { type Compaction, CompactionTally } from "./compaction.js";
import type { MoveMap } from "./move-map.js";
import { SingleMover } from "./move-singles.js";
import { moveStreams, type NamedTable } from "./move-streams.js";
import { moveStructure } from "./move-structures.js";
import { isIdlePlan, type MovePlan, needsAnotherRound, planMoves } from "./plan-moves.js";

/** Moving one thing may make room for another; a table only ever goes to a lower place, so this comes to an end. */
const ROUNDS_MAX = 16;

/**
 * Makes the image file in `backend` as short as its clusters in use allow, in place: what lies at the end goes into the
 * holes before, and the rest is cut off. The guest's disk, snapshots and bitmaps read the same, at every moment. Leaked
 * clusters are freed first, and a dirty image is repaired. Takes no space but what is written before what it replaces
 * is given up: up to 128 MiB at a time, within the file.
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
  const dryRun = options.dryRun === true;
  const tally = new CompactionTally(options.onProgress);
  refuseUnmovable(await readHead(backend, options));
  const leaksFixed = dryRun ? 0 : await settle(backend, options);
  let survey = await surveyImage(backend, options);
  if (dryRun) return dryReport(survey, sizeBefore);
  for (let round = 1; round <= ROUNDS_MAX; round++) {
    const { plan, use } = survey;
    if (isIdlePlan(plan) && lastUsed(use) + 1 === use.clusterCount) break;
    const { references } = tally;
    await runRound(backend, survey, tally, options);
    if (!needsAnotherRound(plan) || tally.references === references) break;
    survey = await surveyImage(backend, options);
  }
  tally.finish();
  return {
    dryRun,
    clusterSize: survey.use.clusterSize,
    sizeBefore,
    sizeAfter: await backend.size(options),
    leaksFixed,
    clustersMoved: tally.clusters,
    bytesCopied: tally.bytes,
    referencesChanged: tally.references,
  };
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

function notSound({ label }: BlockBackend, { corruptions, errors }: FindingLog): EngineError {
  return new EngineError(
    "QCOW2_CORRUPT",
    `${label} is damaged (a check finds ${corruptions} corruptions and ${errors} errors); repair it before compacting it`,
  );
}

interface Survey {
  readonly scan: ImageScan;
  readonly use: ClusterUse;
  readonly plan: MovePlan;
}

async function surveyImage(backend: BlockBackend, options: CompactOptions): Promise<Survey> {
  const { signal, memoryBytesMax = MEMORY_BYTES_MAX_DEFAULT, dryRun } = options;
  const log = new FindingLog(1);
  const clusterSize = (await readHead(backend, { signal })).geometry.clusterSize;
  const clusterCount = Math.ceil((await backend.size({ signal })) / clusterSize) + 1;
  const compressed = compressedClusters(clusterCount, new PageBudget(memoryBytesMax));
  const scan = await scanImage(backend, log, memoryBytesMax, { signal }, (offset, length) => {
    const last = Math.min(Math.floor((offset + length - 1) / clusterSize), clusterCount - 1);
    for (let index = Math.floor(offset / clusterSize); index <= last; index++) compressed.mark(index);
  });
  // Refcounts that are stale are no reason not to say what could be gained.
  const isStale = dryRun === true && isDirty(scan.head.header);
  if (!isStale) compareRefcounts(scan);
  if (!isStale && log.corruptions + log.errors > 0) throw notSound(backend, log);
  const use = clusterUse(scan, compressed, await readBitmapDirectory(backend, scan.head, { signal }));
  return { scan, use, plan: planMoves(use) };
}

async function runRound(
  backend: BlockBackend,
  { scan, use, plan }: Survey,
  tally: CompactionTally,
  options: CompactOptions,
): Promise<void> {
  const { signal, compression, observer, metadataCacheBytes } = options;
  const metadata = await readMetadata(backend, { signal });
  const disk = await openDisk(
    backend,
    metadata,
    undefined,
    { signal, observer, metadataCacheBytes, refcounts: "strict" },
    false,
  );
  const compaction: Compaction = { backend, disk, metadata, compression, options: { signal }, tally };
  const tables = Array.from(scan.tables.offsets(), (offset) => ({
    offset,
    times: scan.tables.use(offset).total,
  }));
  // Those who wrote before may not have flushed.
  disk.committer.coverEarlierWriters();
  try {
    await disk.committer.exclusively(async () => {
      if (await clearUnknownAutoclear(disk.header)) await disk.committer.flushImage();
    });
    await moveAll(compaction, use, plan, tables);
  } catch (error) {
    // What was moved stays so, and the file ends where it can.
    await closeDisk(backend, disk).catch(() => undefined);
    throw error;
  }
  await closeDisk(backend, disk);
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

function dryReport({ use, plan }: Survey, sizeBefore: number): CompactReport {
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
  };
}
