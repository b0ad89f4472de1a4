// Repairs an image: check, plan, execute, check again. Owns that marks go only once the image is proven sound; the order
// of what is written is execute-repair.ts.

import type { BlockBackend } from "@qcow/block";
import type { Header } from "@qcow/format";
import { MEMORY_BYTES_MAX_DEFAULT } from "../check/check-image.js";
import { passReport } from "../check/check-once.js";
import type { CheckReport, Finding } from "../check/check-report.js";
import { compareRefcounts } from "../check/compare-refcounts.js";
import { FINDINGS_MAX_DEFAULT, FindingLog } from "../check/finding-log.js";
import { scanImage } from "../check/scan-image.js";
import { executeRepair, type RepairedNumbers } from "./execute-repair.js";
import { clearMarks, isMarked } from "./header-fields.js";
import { isIdle, planRepair } from "./plan-repair.js";
import { RepairProgress } from "./repair-progress.js";
import type { RepairOptions, RepairReport } from "./repair-report.js";
import { TargetRefcounts } from "./target-refcounts.js";

/**
 * Repairs the image in `backend`, as `qemu-img check -r` does it, and better where that loses data: what cannot be mended
 * is reported and left. `leaks` lowers refcounts that are too high; `all` sets refcounts right (or writes the refcount
 * table and its blocks anew), sets COPIED flags right, makes unaligned preallocated clusters plain zeros, and completes
 * snapshot table entries. Contents that could be read before read the same. Dirty and corrupt bits go once a check finds
 * neither corruption nor errors.
 *
 * Leaks stay when something is referenced that cannot be found: it may be what is leaked. With `leaks`, an image whose
 * refcounts need to be rebuilt is left alone, which an error in `after` says (`REFCOUNT_REBUILD_NEEDED`).
 *
 * Nobody else may use the image meanwhile. It is safe to be interrupted, by the signal or by a crash: the image is then no
 * worse than it was, and can be repaired again. Progress is in L2 tables, which are read up to three times. Rejects as
 * `checkImage` does.
 */
export async function repairImage(backend: BlockBackend, options: RepairOptions): Promise<RepairReport> {
  const progress = new RepairProgress(options);
  let before: CheckReport | undefined;
  let round = await checkAndMend(backend, options, progress, undefined);
  let leaksFixed = 0;
  let corruptionsFixed = 0;
  for (let rounds = 1; typeof round.outcome === "object"; rounds++) {
    before ??= round.report;
    leaksFixed += round.outcome.leaks;
    corruptionsFixed += round.outcome.corruptions;
    const worseThan = rounds < ROUNDS_MAX ? problems(round.report) : 0;
    round = await checkAndMend(backend, options, progress, worseThan);
  }
  const after = withReason(round);
  const clears = after.corruptions === 0 && after.checkErrors === 0 && isMarked(round.header);
  if (clears) {
    // What the check has seen must be durable before the mark that doubts it goes.
    await backend.flush();
    await clearMarks(backend, round.header);
  }
  if (before !== undefined || clears) await backend.flush();
  progress.finish();
  return { before: before ?? round.report, after, leaksFixed, corruptionsFixed };
}

/** Mending one thing may show another, or make it possible to mend it. */
const ROUNDS_MAX = 4;

interface Round {
  readonly report: CheckReport;
  readonly header: Header;
  /** What was mended; `idle` when nothing was to be, or would be. */
  readonly outcome: RepairedNumbers | "idle" | "rebuild-needed" | "rebuild-impossible";
}

/**
 * Checks, and mends where there is hope: when fewer problems are found than `fewerThan`, those of the last round.
 * Nothing of the scan is kept: the next one needs the memory.
 */
async function checkAndMend(
  backend: BlockBackend,
  options: RepairOptions,
  progress: RepairProgress,
  fewerThan: number | undefined,
): Promise<Round> {
  const log = new FindingLog(options.findingsMax ?? FINDINGS_MAX_DEFAULT);
  const scan = await scanImage(
    backend,
    log,
    options.memoryBytesMax ?? MEMORY_BYTES_MAX_DEFAULT,
    progress.pass(),
  );
  const compared = compareRefcounts(scan);
  const report: CheckReport = { ...passReport(scan, compared), attempts: 1, fileChanging: false };
  const { header } = scan.head;
  const target = new TargetRefcounts(scan, options.mode);
  const plan = planRepair(scan, compared, target, options.mode);
  if (plan.isRefused) return { report, header, outcome: "rebuild-needed" };
  const isStuck = fewerThan !== undefined && problems(report) >= fewerThan;
  if (isStuck || isIdle(plan)) return { report, header, outcome: "idle" };
  const repaired = await executeRepair(backend, scan, target, plan, progress.pass());
  return { report, header, outcome: repaired ?? "rebuild-impossible" };
}

function problems({ leaks, corruptions, checkErrors }: CheckReport): number {
  return leaks + corruptions + checkErrors;
}

const REBUILD_NEEDED: Finding = {
  severity: "error",
  code: "REFCOUNT_REBUILD_NEEDED",
  message: "the refcounts must be rebuilt first: leaks alone cannot be repaired",
  times: 1,
};

const REBUILD_IMPOSSIBLE: Finding = {
  severity: "error",
  code: "REFCOUNT_REBUILD_IMPOSSIBLE",
  message:
    "the refcounts cannot be rebuilt: the file has no place for them, or the format no room for so many",
  times: 1,
};

function withReason({ report, outcome }: Round): CheckReport {
  if (outcome !== "rebuild-needed" && outcome !== "rebuild-impossible") return report;
  const reason = outcome === "rebuild-needed" ? REBUILD_NEEDED : REBUILD_IMPOSSIBLE;
  return { ...report, checkErrors: report.checkErrors + 1, findings: [...report.findings, reason] };
}
