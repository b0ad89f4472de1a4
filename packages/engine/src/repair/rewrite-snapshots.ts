// Writes the snapshot table anew, with entries as version 3 wants them (specification: "Snapshots"). The old table stays
// as it is until the header names the new one.

import type { BlockBackend } from "@qcow/block";
import { encodeSnapshotTable, type Snapshot } from "@qcow/format";
import { lacksExtraData } from "../check/check-snapshots.js";
import { hostOffset } from "../check/host-offset.js";
import type { ImageScan } from "../check/scan-image.js";
import { findFreeRun } from "./find-free-run.js";
import { writeSnapshotTablePlace } from "./header-fields.js";
import { take } from "./rebuild-refcounts.js";

/** A table that is written, but that the header does not name yet. */
export interface NewSnapshotTable {
  /** Has the header name it, once it and its refcounts are durable. The clusters of the old one are no longer counted. */
  activate(): Promise<void>;
}

/** Writes the table to free clusters and counts them; undefined when there are none. */
export async function writeNewSnapshotTable(
  backend: BlockBackend,
  scan: ImageScan,
): Promise<NewSnapshotTable | undefined> {
  const { head, references, snapshots } = scan;
  const { clusterSize } = head.geometry;
  if (snapshots === undefined) return undefined;
  const entries = snapshots.snapshots.map((snapshot) => completed(snapshot, scan));
  const bytes = encodeSnapshotTable(entries);
  const clusters = Math.ceil(bytes.byteLength / clusterSize);
  const first = findFreeRun(scan, clusters);
  if (first === undefined) return undefined;
  take(scan, first, clusters);
  await backend.write(first * clusterSize, bytes);
  return {
    activate: async () => {
      await writeSnapshotTablePlace(backend, first * clusterSize, entries.length);
      references.remove(hostOffset(head.header.snapshotsOffset), snapshots.length);
    },
  };
}

// A disk of unknown length is as long as the disk is now, which is how it is read (and what QEMU writes).
function completed(snapshot: Snapshot, { head }: ImageScan): Snapshot {
  if (!lacksExtraData(snapshot, head.header.version)) return snapshot;
  return { ...snapshot, diskSize: snapshot.diskSize ?? head.header.size };
}
