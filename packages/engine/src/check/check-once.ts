// One pass of a check over an image: count every reference, read every refcount, compare. Never writes.

import type { LongOptions, ReadableBlockBackend } from "@qcow/block";
import { findExtension, toSafeNumber } from "@qcow/format";
import { EngineError } from "../engine-error.js";
import type { ImageHead } from "../image-metadata.js";
import { wholeSectors } from "../layers/whole-sectors.js";
import { readHead } from "../read-head.js";
import { readL1Table } from "../tables/l1-table.js";
import { readEncryption } from "../tables/read-encryption.js";
import { checkBitmaps } from "./check-bitmaps.js";
import type { CheckReport } from "./check-report.js";
import { checkSnapshots } from "./check-snapshots.js";
import { CLUSTERS_MAX, PageBudget } from "./cluster-pages.js";
import { compareRefcounts } from "./compare-refcounts.js";
import { findOverlaps } from "./find-overlaps.js";
import type { FindingLog } from "./finding-log.js";
import { hostOffset } from "./host-offset.js";
import { L2Tables } from "./l2-tables.js";
import { References } from "./references.js";
import type { ScanContext } from "./scan-l2-table.js";
import { scanL2Tables } from "./scan-l2-tables.js";
import { StoredRefcounts } from "./stored-refcounts.js";

/** What one pass answers; the attempts are counted by the caller. */
export type PassReport = Omit<CheckReport, "attempts" | "fileChanging">;

/** Checks the image in `backend` once. Findings go to `log`. */
export async function checkOnce(
  backend: ReadableBlockBackend,
  log: FindingLog,
  memoryBytesMax: number,
  options: LongOptions,
): Promise<PassReport> {
  const head = await readHead(backend, { signal: options.signal, toleratesNoRefcountTable: true });
  await readEncryption(backend, head, options);
  const { geometry, fileSize } = head;
  if (fileSize > CLUSTERS_MAX * geometry.clusterSize) throw tooLarge(head);
  const budget = new PageBudget(memoryBytesMax);
  const references = new References(fileSize, geometry.clusterSize, budget, log);
  const stored = await StoredRefcounts.load(backend, head, references.clusterCount + 1, budget, options);
  const tables = new L2Tables(references, stored, log);
  const tally = { allocated: 0, fragmented: 0, compressed: 0 };
  const scan: ScanContext = { geometry, references, stored, log, tally };

  references.addTable(0, geometry.clusterSize, "the header");
  await countActiveL1(backend, head, references, tables, options);
  await checkSnapshots({ backend, head, references, tables, log, options });
  await scanL2Tables(backend, fileSize, tables, scan, options);
  countEncryptionHeader(head, references);
  await checkBitmaps(backend, head, references, log, options);
  stored.count(references, log);
  findOverlaps(references, tables, log);

  const compared = compareRefcounts(references, stored, geometry.refcountBits, log);
  return {
    totalClusters: Math.ceil(wholeSectors(geometry.virtualSize) / geometry.clusterSize),
    allocatedClusters: tally.allocated,
    fragmentedClusters: tally.fragmented,
    compressedClusters: tally.compressed,
    imageEndOffset: (compared.highestCluster + 1) * geometry.clusterSize,
    leaks: log.leaks,
    corruptions: log.corruptions,
    checkErrors: log.errors,
    findings: log.findings,
    findingsOmitted: log.omitted,
    usedHostClusters: compared.used,
    freeHostClusters: Math.max(0, references.clusterCount - compared.used),
  };
}

async function countActiveL1(
  backend: ReadableBlockBackend,
  head: ImageHead,
  references: References,
  tables: L2Tables,
  options: LongOptions,
): Promise<void> {
  const { header, fileSize } = head;
  const place = { structure: "header", field: "l1_table_offset", offset: 40 };
  const offset = toSafeNumber(header.l1TableOffset, place);
  references.addTable(offset, header.l1Size * 8, "the active L1 table");
  if (header.l1Size === 0 || offset >= fileSize) return;
  const table = await readL1Table(backend, { offset, size: header.l1Size }, fileSize, options);
  tables.addL1(table, "the active disk", true);
}

function countEncryptionHeader(head: ImageHead, references: References): void {
  const extension = findExtension(head.extensions, "crypto");
  if (extension === undefined) return;
  references.addTable(hostOffset(extension.offset), hostOffset(extension.length), "the encryption header");
}

function tooLarge(head: ImageHead): EngineError {
  return new EngineError(
    "QCOW2_CHECK_TOO_LARGE",
    `${head.label} has ${head.fileSize} bytes, more clusters than a check can count (${CLUSTERS_MAX})`,
  );
}
