// Gives an image that was laid out by hand the refcounts that its references ask for, and the COPIED flags that go with
// them. Owns the new refcount table and blocks, at the end of the file; the clusters of the old ones become free.

import {
  decodeHeader,
  encodeHeader,
  encodeRefcountTableEntry,
  type Geometry,
  geometryOf,
  L2Kind,
  l1EntryOffset,
  l2EntryKind,
  l2EntryOffset,
  writeRefcount,
} from "@qcow/format";
import { countReferences } from "./count-references.js";
import type { ImageFile } from "./image-file.js";

const ENTRY_BYTES = 8;

/** Changes `file`, and says whether its refcounts are wide enough; when they are not, it is not to be used. */
export function rebuildRefcounts(file: ImageFile): boolean {
  const header = decodeHeader(file.bytes);
  const geometry = geometryOf(header);
  const counts = countReferences(file.bytes, header, geometry);
  const limit = 2 ** Math.min(geometry.refcountBits, 31) - 1;
  if ([...counts.values()].some((count) => count > limit)) return false;
  const { blocks, tableClusters } = sizesFor(file.clusters, geometry);
  const tableOffset = file.append(tableClusters * geometry.clusterSize);
  const blocksOffset = file.append(blocks * geometry.clusterSize);
  for (let cluster = tableOffset / geometry.clusterSize; cluster < file.clusters; cluster++)
    counts.set(cluster, 1);
  for (let block = 0; block < blocks; block++) {
    const offset = BigInt(blocksOffset + block * geometry.clusterSize);
    file.view.setBigUint64(
      tableOffset + block * ENTRY_BYTES,
      encodeRefcountTableEntry({ offset, reserved: 0n }),
    );
  }
  for (const [cluster, count] of counts)
    writeRefcount(file.bytes.subarray(blocksOffset), cluster, geometry.refcountBits, BigInt(count));
  const place = { refcountTableOffset: BigInt(tableOffset), refcountTableClusters: tableClusters };
  file.put(0, encodeHeader({ ...header, ...place }));
  setCopied(file, Number(header.l1TableOffset), header.l1Size, geometry, counts);
  return true;
}

/** Table and blocks count themselves. */
function sizesFor(clusters: number, geometry: Geometry): { blocks: number; tableClusters: number } {
  let blocks = 1;
  for (;;) {
    const tableClusters = Math.ceil((blocks * ENTRY_BYTES) / geometry.clusterSize);
    const needed = Math.ceil((clusters + tableClusters + blocks) / geometry.refcountBlockEntries);
    if (needed <= blocks) return { blocks, tableClusters };
    blocks = needed;
  }
}

function setCopied(
  file: ImageFile,
  l1: number,
  size: number,
  geometry: Geometry,
  counts: Map<number, number>,
): void {
  const { view } = file;
  const { clusterSize, l2EntrySize, hasDataFile } = geometry;
  const flag = (at: number, offset: number, inDataFile: boolean): void => {
    const copied = inDataFile || counts.get(offset / clusterSize) === 1;
    const high = view.getUint32(at);
    view.setUint32(at, (copied ? high | 0x8000_0000 : high & 0x7fff_ffff) >>> 0);
  };
  for (let index = 0; index < size; index++) {
    const entry = l1 + index * ENTRY_BYTES;
    const table = l1EntryOffset(view.getUint32(entry), view.getUint32(entry + 4));
    if (table === 0) continue;
    flag(entry, table, false);
    for (let at = table; at < table + clusterSize; at += l2EntrySize) {
      const [hi, lo] = [view.getUint32(at), view.getUint32(at + 4)];
      const kind = l2EntryKind(hi, lo, hasDataFile);
      if (kind === L2Kind.normal || kind === L2Kind.zeroAllocated)
        flag(at, l2EntryOffset(hi, lo), hasDataFile);
    }
  }
}
