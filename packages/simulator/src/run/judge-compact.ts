// Judges what a compaction has left, as far as space goes: no cluster is free behind the tables that the file begins with.
// Owns what may be free: gaps between those tables, which stay so because data there would be in their way, and room that
// no compressed stream fits into. Reads refcounts by itself: this is a judge, and takes nobody's word.

import { checkImage, type ImageMetadata, readMetadata } from "@qcow/engine";
import { findExtension, refcountAt, refcountTableEntryOffset } from "@qcow/format";
import type { Files } from "../disk/files.js";
import { require } from "../violation.js";
import { atRest } from "./driver.js";

/** Free clusters in a row that are a gap between two tables. */
const GAP_MAX = 4;

export async function judgeCompact({ image }: Files): Promise<void> {
  const { compressedClusters } = await atRest(checkImage(image), "checking");
  const free = freeClusters(image.toBytes(), await atRest(readMetadata(image), "reading the header"));
  // A stream needs its bytes in a row: up to half of the holes may be too small for the next one.
  const allowed = 2 * compressedClusters;
  require(free.length <= allowed, () => {
    return `after compacting, clusters of the file are free behind its first tables: ${free.slice(0, 20).join(", ")}`;
  });
}

/** Those behind the tables that the file begins with. */
function freeClusters(bytes: Uint8Array, metadata: ImageMetadata): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { header, geometry } = metadata;
  const { clusterSize, refcountBits, refcountBlockEntries } = geometry;
  const table = Number(header.refcountTableOffset);
  const clusters = Math.ceil(bytes.byteLength / clusterSize);
  const places = tablePlaces(metadata);
  const free: number[] = [];
  for (let index = 0; index < clusters; index++) {
    const entry = table + Math.floor(index / refcountBlockEntries) * 8;
    const block = refcountTableEntryOffset(view.getUint32(entry), view.getUint32(entry + 4));
    if (block === 0) continue;
    places.add(block / clusterSize);
    const counts = new DataView(bytes.buffer, bytes.byteOffset + block, clusterSize);
    if (refcountAt(counts, index % refcountBlockEntries, refcountBits) === 0) free.push(index);
  }
  let end = 0;
  for (let index = 0; index <= end + GAP_MAX; index++) if (places.has(index)) end = index + 1;
  return free.filter((index) => index >= end);
}

/** Clusters of the header and of all tables but L2 tables and refcount blocks. */
function tablePlaces({ header, geometry, snapshots, bitmaps, extensions }: ImageMetadata): Set<number> {
  const { clusterSize } = geometry;
  const places = new Set([0]);
  const add = (offset: bigint, length: number): void => {
    const first = Number(offset) / clusterSize;
    for (let at = 0; at < Math.ceil(length / clusterSize); at++) places.add(first + at);
  };
  add(header.refcountTableOffset, header.refcountTableClusters * clusterSize);
  add(header.l1TableOffset, header.l1Size * 8);
  // The simulator's snapshots have short names: their table is no longer than a cluster.
  if (snapshots.length > 0) add(header.snapshotsOffset, 1);
  for (const { l1TableOffset, l1Size } of snapshots) add(l1TableOffset, l1Size * 8);
  const directory = findExtension(extensions, "bitmaps");
  if (directory !== undefined) add(directory.directoryOffset, Number(directory.directorySize));
  for (const { tableOffset, tableSize } of bitmaps) add(tableOffset, tableSize * 8);
  return places;
}
