// How often each host cluster of an image is referenced, counted slowly and without the engine. Owns the counting, for
// sound images only.

import {
  bitmapTableEntryOffset,
  compressedLength,
  compressedOffset,
  decodeBitmapDirectory,
  decodeHeaderExtensions,
  decodeSnapshotTable,
  findExtension,
  type Geometry,
  type Header,
  L2Kind,
  l1EntryOffset,
  l2EntryKind,
  l2EntryOffset,
} from "@qcow/format";

/** References by host cluster; refcount table and blocks are left out. */
export function countReferences(bytes: Uint8Array, header: Header, geometry: Geometry): Map<number, number> {
  const { clusterSize } = geometry;
  const counts = new Map<number, number>();
  const add = (offset: number, length: number): void => {
    const end = Math.ceil((offset + length) / clusterSize);
    for (let cluster = Math.floor(offset / clusterSize); cluster < end; cluster++)
      counts.set(cluster, (counts.get(cluster) ?? 0) + 1);
  };
  add(0, clusterSize);
  addMapping(bytes, Number(header.l1TableOffset), header.l1Size, geometry, add);
  const table = bytes.subarray(Number(header.snapshotsOffset));
  const { snapshots, length } = decodeSnapshotTable(table, header.nbSnapshots);
  if (length > 0) add(Number(header.snapshotsOffset), length);
  for (const { l1TableOffset, l1Size } of snapshots)
    addMapping(bytes, Number(l1TableOffset), l1Size, geometry, add);
  addBitmaps(bytes, header, geometry, add);
  return counts;
}

type Add = (offset: number, length: number) => void;

function addMapping(bytes: Uint8Array, l1: number, size: number, geometry: Geometry, add: Add): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const { clusterSize, clusterBits, l2EntrySize, hasDataFile } = geometry;
  add(l1, Math.max(1, size * 8));
  for (let index = 0; index < size; index++) {
    const table = l1EntryOffset(view.getUint32(l1 + index * 8), view.getUint32(l1 + index * 8 + 4));
    if (table === 0) continue;
    add(table, clusterSize);
    for (let at = table; at < table + clusterSize; at += l2EntrySize) {
      const [hi, lo] = [view.getUint32(at), view.getUint32(at + 4)];
      const kind = l2EntryKind(hi, lo, hasDataFile);
      if (kind === L2Kind.compressed)
        add(compressedOffset(hi, lo, clusterBits), compressedLength(hi, lo, clusterBits));
      else if (!hasDataFile && l2EntryOffset(hi, lo) !== 0) add(l2EntryOffset(hi, lo), clusterSize);
    }
  }
}

function addBitmaps(bytes: Uint8Array, header: Header, geometry: Geometry, add: Add): void {
  const { extensions } = decodeHeaderExtensions(bytes, header);
  const extension = findExtension(extensions, "bitmaps");
  if (extension === undefined) return;
  const start = Number(extension.directoryOffset);
  const length = Number(extension.directorySize);
  add(start, length);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const entries = decodeBitmapDirectory(bytes.subarray(start, start + length), extension.count, geometry);
  for (const { tableOffset, tableSize } of entries) {
    add(Number(tableOffset), tableSize * 8);
    for (let at = Number(tableOffset), left = tableSize; left > 0; at += 8, left--) {
      const offset = bitmapTableEntryOffset(view.getUint32(at), view.getUint32(at + 4));
      if (offset !== 0) add(offset, geometry.clusterSize);
    }
  }
}
