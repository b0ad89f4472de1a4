// Who references a cluster: header, L1 entry, L2 entry. For diagnostics: it reads tables until it has found a few.

import type { IoOptions, ReadableBlockBackend } from "@qcow/block";
import { compressedLength, compressedOffset, L2Kind, l2EntryOffset } from "@qcow/format";
import { hex } from "../check/references.js";
import { activeL1 } from "../check/scan-image.js";
import { clusterKind } from "../mapping/cluster-kind.js";
import { readHead } from "../read-head.js";
import { readL1Table } from "../tables/l1-table.js";
import { readAvailable } from "../tables/read-available.js";

/** Chains that are looked for: two show a duplicate. */
const CHAINS_MAX = 4;

/** The chains by which the active disk references the cluster that host offset `offset` lies in, a few of them. */
export async function referenceChains(
  backend: ReadableBlockBackend,
  offset: number,
  options: IoOptions,
): Promise<string[]> {
  const head = await readHead(backend, { ...options, toleratesNoRefcountTable: true });
  const { geometry, fileSize } = head;
  const { clusterSize, clusterBits, l2EntrySize } = geometry;
  const location = activeL1(head);
  if (location.size === 0 || location.offset >= fileSize) return [];
  const l1 = await readL1Table(backend, location, fileSize, options);
  const wanted = Math.floor(offset / clusterSize);
  const chains: string[] = [];
  for (let index = l1.nextPresent(0, l1.size); index < l1.size && chains.length < CHAINS_MAX; ) {
    const l2Offset = l1.l2Offset(index);
    const start = `L1 table at ${hex(location.offset)}, entry ${index} -> L2 table at ${hex(l2Offset)}`;
    if (Math.floor(l2Offset / clusterSize) === wanted) chains.push(start);
    if (l2Offset < fileSize) {
      const bytes = await readAvailable(backend, l2Offset, clusterSize, fileSize, options);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let at = 0; at + l2EntrySize <= view.byteLength && chains.length < CHAINS_MAX; at += l2EntrySize) {
        const high = view.getUint32(at);
        const low = view.getUint32(at + 4);
        const kind = clusterKind(high, low, geometry);
        const isCompressed = kind === L2Kind.compressed;
        if (kind === L2Kind.unallocated || kind === L2Kind.zeroPlain) continue;
        const from = isCompressed ? compressedOffset(high, low, clusterBits) : l2EntryOffset(high, low);
        const length = isCompressed ? compressedLength(high, low, clusterBits) : clusterSize;
        const last = Math.floor((from + length - 1) / clusterSize);
        if (Math.floor(from / clusterSize) <= wanted && wanted <= last)
          chains.push(`${start}, entry ${at / l2EntrySize} -> cluster at ${hex(from)}`);
      }
    }
    index = l1.nextPresent(index + 1, l1.size);
  }
  return chains;
}
