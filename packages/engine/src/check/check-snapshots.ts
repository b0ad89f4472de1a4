// Checks the snapshot table and the L1 tables of the snapshots (specification: "Snapshots").

import type { IoOptions, ReadableBlockBackend } from "@qcow/block";
import { checkSnapshotL1, FormatError, isFormatError, printable, type Snapshot } from "@qcow/format";
import type { ImageHead } from "../image-metadata.js";
import { type L1Location, readL1Table } from "../tables/l1-table.js";
import { readSnapshotTable, type SnapshotTable } from "../tables/read-snapshot-table.js";
import type { FindingLog } from "./finding-log.js";
import { hostOffset } from "./host-offset.js";
import type { L2Tables } from "./l2-tables.js";
import type { References } from "./references.js";

/** Extra data that version 3 demands: the size of the VM state and of the disk. */
const EXTRA_DATA_BYTES_MIN = 16;

export interface SnapshotCheck {
  readonly backend: ReadableBlockBackend;
  readonly head: ImageHead;
  readonly references: References;
  readonly tables: L2Tables;
  readonly log: FindingLog;
  readonly options: IoOptions;
}

/**
 * Counts what the snapshots reference. A table that lies on the header or runs past the end of the file is a finding, and then no cluster
 * is called leaked: it may be a snapshot's. Rejects with a `FormatError` when the table makes no sense. Resolves with
 * the table, if it could be read.
 */
export async function checkSnapshots(check: SnapshotCheck): Promise<SnapshotTable | undefined> {
  const { head, log, references } = check;
  const table = await readTable(check);
  if (table === undefined) return undefined;
  if (head.geometry.hasDataFile && table.snapshots.length > 0) {
    log.corruption(
      "SNAPSHOT_TABLE_INVALID",
      () => "an image with an external data file must have no snapshots",
    );
  }
  for (const { l1, owner, times } of selectL1Tables(table.snapshots, check)) {
    references.addTable(l1.offset, l1.size * 8, `the L1 table of ${owner}`, times);
    if (l1.offset >= head.fileSize || l1.size === 0) continue;
    const l1Table = await readL1Table(check.backend, l1, head.fileSize, check.options);
    check.tables.addL1(l1Table, owner, false, times);
  }
  references.addTable(hostOffset(head.header.snapshotsOffset), table.length, "the snapshot table");
  return table;
}

/** Whether an entry lacks extra data that its version demands. */
export function lacksExtraData(snapshot: Snapshot, version: 2 | 3): boolean {
  return version >= 3 && snapshot.extraData.byteLength < EXTRA_DATA_BYTES_MIN;
}

async function readTable(check: SnapshotCheck): Promise<SnapshotTable | undefined> {
  const { backend, head, options } = check;
  const { header } = head;
  // What the header's own fields look like as snapshots is not worth following.
  if (header.nbSnapshots > 0 && header.snapshotsOffset === 0n) {
    return unreadable(check, "the snapshot table lies on the header");
  }
  try {
    return await readSnapshotTable(backend, header, head.fileSize, options);
  } catch (error) {
    if (isFormatError(error, "QCOW2_TRUNCATED")) return unreadable(check, error.message);
    throw error;
  }
}

function unreadable({ head, log, references }: SnapshotCheck, message: string): undefined {
  log.corruption("SNAPSHOT_TABLE_INVALID", () => message, hostOffset(head.header.snapshotsOffset));
  log.referencesAreIncomplete();
  references.doubt();
}

interface SnapshotL1 {
  readonly l1: L1Location;
  readonly owner: string;
  times: number;
}

// Several entries may name one table; it is read once. Tables that are not the same do not overlap in a
// sound image, so together they are no longer than the file: this bounds the work.
function selectL1Tables(snapshots: readonly Snapshot[], check: SnapshotCheck): Iterable<SnapshotL1> {
  const { head, log } = check;
  const selected = new Map<string, SnapshotL1>();
  let bytesLeft = head.fileSize + head.geometry.clusterSize;
  snapshots.forEach((snapshot, index) => {
    const owner = `snapshot ${printable(snapshot.id)} (${printable(snapshot.name)})`;
    const report = (problem: string): void => {
      log.corruption("SNAPSHOT_L1_INVALID", () => `${owner}: ${problem}`);
      check.references.doubt();
    };
    if (lacksExtraData(snapshot, head.header.version)) {
      log.corruption("SNAPSHOT_TABLE_INVALID", () => `${owner}: its entry has too little extra data`);
    }
    try {
      checkSnapshotL1(snapshot, head.geometry.clusterSize, index);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      report(error.message);
      return;
    }
    const l1 = { offset: hostOffset(snapshot.l1TableOffset), size: snapshot.l1Size };
    const key = `${l1.offset} ${l1.size}`;
    const same = selected.get(key);
    if (same !== undefined) {
      same.times++;
      return;
    }
    bytesLeft -= Math.min(l1.size * 8, head.fileSize);
    if (bytesLeft >= 0) selected.set(key, { l1, owner, times: 1 });
    else report("its L1 table overlaps others");
  });
  return selected.values();
}
