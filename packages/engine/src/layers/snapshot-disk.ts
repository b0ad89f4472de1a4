// Finds an internal snapshot and says what disk it is (specification: "Snapshots"). Owns the choice by id or name.

import { checkSnapshotL1, printable, type Snapshot, toSafeNumber } from "@qcow/format";
import { EngineError } from "../engine-error.js";
import type { ImageMetadata } from "../image-metadata.js";
import type { L1Location } from "../tables/l1-table.js";
import { wholeSectors } from "./whole-sectors.js";

export interface Disk {
  readonly l1: L1Location;
  /** Length in bytes. */
  readonly virtualSize: number;
}

/** The disk to read: the active one, or that of the snapshot with the id or name `wanted` (an id wins). */
export function selectDisk(metadata: ImageMetadata, wanted: string | undefined): Disk {
  if (wanted === undefined) return activeDisk(metadata);
  const { snapshots } = metadata;
  const snapshot = snapshots.find(({ id }) => id === wanted) ?? snapshots.find(({ name }) => name === wanted);
  if (snapshot === undefined) throw noSuchSnapshot(metadata, wanted);
  return snapshotDisk(metadata, snapshot, snapshots.indexOf(snapshot));
}

function activeDisk({ header, geometry }: ImageMetadata): Disk {
  const offset = toSafeNumber(header.l1TableOffset, {
    structure: "header",
    field: "l1_table_offset",
    offset: 40,
  });
  return { l1: { offset, size: header.l1Size }, virtualSize: wholeSectors(geometry.virtualSize) };
}

function snapshotDisk({ geometry }: ImageMetadata, snapshot: Snapshot, index: number): Disk {
  checkSnapshotL1(snapshot, geometry.clusterSize, index);
  const where = { structure: `snapshot table entry ${index}` };
  const offset = toSafeNumber(snapshot.l1TableOffset, { ...where, field: "l1_table_offset" });
  const size =
    snapshot.diskSize === undefined
      ? geometry.virtualSize
      : toSafeNumber(snapshot.diskSize, { ...where, field: "disk_size" });
  return { l1: { offset, size: snapshot.l1Size }, virtualSize: wholeSectors(size) };
}

function noSuchSnapshot({ label, snapshots }: ImageMetadata, wanted: string): EngineError {
  const known = snapshots.slice(0, 8).map(({ id, name }) => `${printable(id)} (${printable(name)})`);
  const list =
    known.length === 0
      ? "it has none"
      : `it has ${known.join(", ")}${snapshots.length > known.length ? ", …" : ""}`;
  return new EngineError(
    "QCOW2_NO_SUCH_SNAPSHOT",
    `${label} has no snapshot with the id or name ${printable(wanted)}; ${list}`,
  );
}
