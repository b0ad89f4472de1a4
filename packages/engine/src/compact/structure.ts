// The tables that lie in several clusters in a row, or that exactly one place names: they are moved whole. Owns finding
// them; who names them is changed in move-structures.ts.

import type { BitmapDirectoryEntry } from "@qcow/format";
import { hostOffset } from "../check/host-offset.js";
import type { ImageHead } from "../image-metadata.js";
import { validBitmapsExtension } from "../tables/read-bitmaps.js";
import type { SnapshotTable } from "../tables/read-snapshot-table.js";

const ENTRY_BYTES = 8;

export type StructureKind =
  | "l1"
  | "refcount-table"
  | "snapshot-table"
  | "snapshot-l1"
  | "bitmap-directory"
  | "bitmap-table";

export interface Structure {
  readonly kind: StructureKind;
  /** Host offset in bytes, and length. */
  readonly offset: number;
  readonly length: number;
  /** Which snapshots or bitmaps name it, by their place in their table; those that name one table together share it. */
  readonly owners: readonly number[];
}

/** All of them that the image has, but for those that are empty. */
export function findStructures(
  head: ImageHead,
  snapshots: SnapshotTable | undefined,
  bitmaps: readonly BitmapDirectoryEntry[],
): Structure[] {
  const { header, geometry } = head;
  const found: Structure[] = [
    only("l1", hostOffset(header.l1TableOffset), header.l1Size * ENTRY_BYTES),
    only(
      "refcount-table",
      hostOffset(header.refcountTableOffset),
      header.refcountTableClusters * geometry.clusterSize,
    ),
  ];
  if (snapshots !== undefined && snapshots.snapshots.length > 0) {
    found.push(only("snapshot-table", hostOffset(header.snapshotsOffset), snapshots.length));
    const tables = snapshots.snapshots.map(({ l1TableOffset, l1Size }) => ({
      offset: hostOffset(l1TableOffset),
      length: l1Size * ENTRY_BYTES,
    }));
    found.push(...distinct("snapshot-l1", tables));
  }
  const extension = validBitmapsExtension(head);
  if (extension !== undefined && bitmaps.length > 0) {
    found.push(
      only("bitmap-directory", hostOffset(extension.directoryOffset), Number(extension.directorySize)),
    );
    const tables = bitmaps.map(({ tableOffset, tableSize }) => ({
      offset: hostOffset(tableOffset),
      length: tableSize * ENTRY_BYTES,
    }));
    found.push(...distinct("bitmap-table", tables));
  }
  return found.filter(({ length }) => length > 0);
}

function only(kind: StructureKind, offset: number, length: number): Structure {
  return { kind, offset, length, owners: [] };
}

function distinct(kind: StructureKind, tables: readonly { offset: number; length: number }[]): Structure[] {
  const byPlace = new Map<string, { offset: number; length: number; owners: number[] }>();
  tables.forEach((table, owner) => {
    const key = `${table.offset} ${table.length}`;
    const same = byPlace.get(key);
    if (same === undefined) byPlace.set(key, { ...table, owners: [owner] });
    else same.owners.push(owner);
  });
  return [...byPlace.values()].map((table) => ({ kind, ...table }));
}
