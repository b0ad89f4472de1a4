// The clusters that are tables by one word of the image and the guest's by another: damage, and what lies in them may be the
// guest's. Owns finding them, by reading all L2 tables once; copy/ decides what of them is kept.

import {
  compressedLength,
  compressedOffset,
  type Header,
  hasDataFile,
  L2Kind,
  l2EntryKind,
  l2EntryOffset,
} from "@qcow/format";
import { ClusterList, lowerBound } from "./cluster-list.js";
import { type ImageFile, PIECE_BYTES, type Place } from "./image-file.js";
import type { Kept } from "./kept.js";

/** Which of the clusters `all` the guest's disk claims. */
export async function surveyClaims(
  file: ImageFile,
  header: Header,
  kept: Kept,
  all: ClusterList,
  entryBytes: 8 | 16,
  onTables: (bytes: Uint8Array, offset: number) => void,
): Promise<ClusterList> {
  const claims = new Claims(kept, all, header.clusterBits);
  const pieceBytes = Math.max(PIECE_BYTES, kept.clusterSize);
  const places = runs(kept.l2Tables.sorted, kept.clusterSize);
  const isOwn = !hasDataFile(header);
  await file.readAll(
    places,
    (bytes, offset) => {
      // Offsets in a data file say nothing of this one.
      if (isOwn) claims.take(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), entryBytes);
      onTables(bytes, offset);
    },
    pieceBytes,
  );
  return claims.found;
}

/** Clusters in a row, as places. */
export function* runs(sorted: Float64Array, clusterSize: number): Generator<Place> {
  for (let from = 0; from < sorted.length; ) {
    let to = from + 1;
    while (to < sorted.length && sorted[to] === (sorted[to - 1] as number) + 1) to++;
    yield { offset: (sorted[from] as number) * clusterSize, length: (to - from) * clusterSize };
    from = to;
  }
}

class Claims {
  readonly found = new ClusterList();
  readonly #clusterSize: number;
  readonly #clusterBits: number;
  readonly #all: Float64Array;
  /** No cluster between these two is one of `all`: most entries lie in one gap, as those before them. */
  #gapStart = 0;
  #gapEnd = 0;

  constructor({ clusterSize }: Kept, all: ClusterList, clusterBits: number) {
    this.#clusterSize = clusterSize;
    this.#clusterBits = clusterBits;
    this.#all = all.sorted;
  }

  take(view: DataView, entryBytes: 8 | 16): void {
    for (let at = 0; at + entryBytes <= view.byteLength; at += entryBytes) {
      const high = view.getUint32(at);
      const low = view.getUint32(at + 4);
      if ((high | low) !== 0) this.#entry(high, low);
    }
  }

  #entry(high: number, low: number): void {
    const isCompressed = l2EntryKind(high, low) === L2Kind.compressed;
    const offset = isCompressed ? compressedOffset(high, low, this.#clusterBits) : l2EntryOffset(high, low);
    if (offset === 0) return;
    const length = isCompressed ? compressedLength(high, low, this.#clusterBits) : this.#clusterSize;
    const last = Math.floor((offset + length - 1) / this.#clusterSize);
    for (let index = Math.floor(offset / this.#clusterSize); index <= last; index++) this.#claim(index);
  }

  #claim(index: number): void {
    if (index > this.#gapStart && index < this.#gapEnd) return;
    const at = lowerBound(this.#all, index);
    if (this.#all[at] === index) {
      this.found.add(index);
      return;
    }
    this.#gapStart = at === 0 ? -1 : (this.#all[at - 1] as number);
    this.#gapEnd = this.#all[at] ?? Number.POSITIVE_INFINITY;
  }
}
