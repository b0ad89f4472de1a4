// Counts every reference of an image and reads every refcount, for those who compare the two: a check, and a
// repair. Owns the order of the counting. Never writes.

import type { LongOptions, ReadableBlockBackend } from "@qcow/block";
import { findExtension, toSafeNumber } from "@qcow/format";
import { EngineError } from "../engine-error.js";
import type { ImageHead } from "../image-metadata.js";
import { readHead } from "../read-head.js";
import { type L1Location, readL1Table } from "../tables/l1-table.js";
import { readEncryption } from "../tables/read-encryption.js";
import type { SnapshotTable } from "../tables/read-snapshot-table.js";
import { checkBitmaps } from "./check-bitmaps.js";
import { checkSnapshots } from "./check-snapshots.js";
import { CLUSTERS_MAX, PageBudget } from "./cluster-pages.js";
import { findOverlaps } from "./find-overlaps.js";
import type { FindingLog } from "./finding-log.js";
import { hostOffset } from "./host-offset.js";
import { L2Tables } from "./l2-tables.js";
import { References } from "./references.js";
import type { AllocationTally, ScanContext } from "./scan-l2-table.js";
import { scanL2Tables } from "./scan-l2-tables.js";
import { StoredRefcounts } from "./stored-refcounts.js";

/** What an image references and what it says about that. */
export interface ImageScan {
  readonly head: ImageHead;
  readonly references: References;
  readonly stored: StoredRefcounts;
  readonly tables: L2Tables;
  readonly tally: AllocationTally;
  /** The snapshot table, if it could be read. */
  readonly snapshots: SnapshotTable | undefined;
  /** Whether more is referenced than was counted, refcount blocks aside (`References.isDoubtful`). */
  readonly isDoubtful: boolean;
  readonly log: FindingLog;
}

/**
 * Scans the image in `backend`. Findings go to `log`, but for refcounts that differ (compare-refcounts.ts). `onCompressed`
 * is told where each compressed cluster lies.
 */
export async function scanImage(
  backend: ReadableBlockBackend,
  log: FindingLog,
  memoryBytesMax: number,
  options: LongOptions,
  onCompressed?: ScanContext["onCompressed"],
): Promise<ImageScan> {
  const head = await readHead(backend, { signal: options.signal, toleratesNoRefcountTable: true });
  await readEncryption(backend, head, options);
  const { geometry, fileSize } = head;
  if (fileSize > CLUSTERS_MAX * geometry.clusterSize) throw tooLarge(head);
  const budget = new PageBudget(memoryBytesMax);
  const references = new References(fileSize, geometry.clusterSize, budget, log);
  const stored = await StoredRefcounts.load(backend, head, references.clusterCount + 1, budget, options);
  const tables = new L2Tables(references, stored, log);
  const tally = { allocated: 0, fragmented: 0, compressed: 0, unalignedZeros: 0 };
  const scan: ScanContext = { geometry, references, stored, log, tally, onCompressed };

  references.addTable(0, geometry.clusterSize, "the header");
  await countActiveL1(backend, head, references, tables, options);
  const snapshots = await checkSnapshots({ backend, head, references, tables, log, options });
  await scanL2Tables(backend, fileSize, tables, scan, options);
  countEncryptionHeader(head, references);
  await checkBitmaps(backend, head, references, log, options);
  // Before the refcount structures are counted: where those are is no guest's data.
  const { isDoubtful } = references;
  stored.count(references, log);
  findOverlaps(references, tables, log);
  return { head, references, stored, tables, tally, snapshots, isDoubtful, log };
}

/** Where the active L1 table lies. */
export function activeL1(head: ImageHead): L1Location {
  const place = { structure: "header", field: "l1_table_offset", offset: 40 };
  return { offset: toSafeNumber(head.header.l1TableOffset, place), size: head.header.l1Size };
}

async function countActiveL1(
  backend: ReadableBlockBackend,
  head: ImageHead,
  references: References,
  tables: L2Tables,
  options: LongOptions,
): Promise<void> {
  const location = activeL1(head);
  references.addTable(location.offset, location.size * 8, "the active L1 table");
  if (location.size === 0 || location.offset >= head.fileSize) return;
  const table = await readL1Table(backend, location, head.fileSize, options);
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
