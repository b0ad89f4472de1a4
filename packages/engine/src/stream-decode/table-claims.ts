// One L2 table as a list of what it wants from the stream: its entries that have contents, in the order in which these
// lie in the file. Owns which entries those are, and refuses tables that make no sense, as reading through them would.

import {
  compressedLength,
  compressedOffset,
  type Geometry,
  L2Kind,
  l2EntryIsCopied,
  l2EntryOffset,
  subclusterBitmapIsValid,
} from "@qcow/format";
import { clusterKind } from "../mapping/cluster-kind.js";
import { invalidOffsetReason } from "../mapping/invalid-offset.js";
import { invalidRunError } from "../mapping/invalid-run.js";
import { isPlainEntry, plainEntryMask } from "../mapping/plain-entry.js";
import { InvalidReason } from "../mapping/run-list.js";

/** Bytes of memory for each entry of a table that is kept, beside the table itself. */
export const CLAIM_BYTES = 4;

/** What `subclusters` says of a cluster that has contents everywhere. */
export const ALL_SUBCLUSTERS = 0xffff_ffff;

/** A compressed stream ends somewhere in its last sector: so many of the bytes that an entry names may be another's. */
export const SLACK_BYTES = 511;

export class TableClaims {
  /** The L1 indices that name the table. */
  readonly indices: Uint32Array;
  /** Entries with contents, by where these lie. */
  readonly order: Uint32Array;
  /** A bit for each entry that has contents. */
  readonly data: Uint8Array;
  /** Which of `order` is next. */
  cursor = 0;
  readonly #view: DataView;
  readonly #geometry: Geometry;

  /**
   * `table` holds the entries, of which the first `count` are looked at; `guest` is the first guest offset that it maps,
   * for messages.
   *
   * @throws EngineError for an entry that makes no sense.
   */
  constructor(
    table: Uint8Array,
    indices: Uint32Array,
    count: number,
    geometry: Geometry,
    place: { readonly label: string; readonly guest: number },
  ) {
    this.indices = indices;
    this.#view = new DataView(table.buffer, table.byteOffset, table.byteLength);
    this.#geometry = geometry;
    this.data = new Uint8Array(Math.ceil(count / 8));
    this.order = this.#find(count, place);
  }

  /** Guest offset that `entry` maps for the L1 entry `index`. */
  guestOf(index: number, entry: number): number {
    return index * this.#geometry.guestBytesPerL2 + entry * this.#geometry.clusterSize;
  }

  /** Whether the disk reaches there. */
  isInside(index: number, entry: number): boolean {
    return this.guestOf(index, entry) < this.#geometry.virtualSize;
  }

  /** Where the contents of the next entry begin in the file; infinite after the last. */
  get nextStart(): number {
    const entry = this.order[this.cursor];
    return entry === undefined ? Number.POSITIVE_INFINITY : this.startOf(entry);
  }

  startOf(entry: number): number {
    const at = entry * this.#geometry.l2EntrySize;
    const high = this.#view.getUint32(at);
    const low = this.#view.getUint32(at + 4);
    if (!this.isCompressed(entry)) return l2EntryOffset(high, low);
    return compressedOffset(high, low, this.#geometry.clusterBits);
  }

  isCompressed(entry: number): boolean {
    return (this.#view.getUint32(entry * this.#geometry.l2EntrySize) & 0x4000_0000) !== 0;
  }

  /** Bytes that a compressed entry has at most, in whole sectors. */
  compressedLength(entry: number): number {
    const at = entry * this.#geometry.l2EntrySize;
    return compressedLength(
      this.#view.getUint32(at),
      this.#view.getUint32(at + 4),
      this.#geometry.clusterBits,
    );
  }

  /** Whether nothing but this entry references the cluster, as far as the image says. */
  isSole(entry: number): boolean {
    return l2EntryIsCopied(this.#view.getUint32(entry * this.#geometry.l2EntrySize));
  }

  /** Which subclusters of a plain entry have contents; all 32 of them without extended L2 entries. */
  subclusters(entry: number): number {
    return this.#geometry.extendedL2 ? this.#view.getUint32(entry * 16 + 12) : ALL_SUBCLUSTERS;
  }

  #find(count: number, place: { readonly label: string; readonly guest: number }): Uint32Array {
    const { clusterSize, l2EntrySize, extendedL2 } = this.#geometry;
    const mask = plainEntryMask(this.#geometry);
    const found = new Uint32Array(count);
    let length = 0;
    let isSorted = true;
    let last = 0;
    for (let entry = 0; entry < count; entry++) {
      const at = entry * l2EntrySize;
      const high = this.#view.getUint32(at);
      const low = this.#view.getUint32(at + 4);
      // COPIED alone names nothing: offset 0 is the header's.
      if (((high & 0x7fff_ffff) | low) === 0 && !extendedL2) continue;
      const isPlain = !extendedL2 && isPlainEntry(high, low, mask);
      if (!isPlain && !this.#hasContents(at, high, low, place.guest + entry * clusterSize, place.label))
        continue;
      const start = this.startOf(entry);
      isSorted &&= start >= last;
      last = start;
      found[length++] = entry;
      const byte = this.data[entry >>> 3] as number;
      this.data[entry >>> 3] = byte | (1 << (entry & 7));
    }
    const order = found.slice(0, length);
    return isSorted ? order : this.#sorted(order);
  }

  #sorted(order: Uint32Array): Uint32Array {
    const starts = new Float64Array(this.#view.byteLength / this.#geometry.l2EntrySize);
    for (const entry of order) starts[entry] = this.startOf(entry);
    return order.sort((a, b) => (starts[a] as number) - (starts[b] as number) || a - b);
  }

  #hasContents(at: number, high: number, low: number, guest: number, label: string): boolean {
    const geometry = this.#geometry;
    const kind = clusterKind(high, low, geometry);
    if (kind === L2Kind.compressed) return true;
    if (geometry.extendedL2) return this.#hasSubclusters(at, kind, high, low, guest, label);
    if (kind === L2Kind.unallocated) return false;
    const reason =
      kind === L2Kind.zeroPlain
        ? geometry.version < 3
          ? InvalidReason.zeroFlagInVersion2
          : -1
        : invalidOffsetReason(kind, l2EntryOffset(high, low), guest, geometry);
    if (reason >= 0) throw invalidRunError(label, guest, reason);
    return kind === L2Kind.normal;
  }

  #hasSubclusters(
    at: number,
    kind: number,
    high: number,
    low: number,
    guest: number,
    label: string,
  ): boolean {
    const zero = this.#view.getUint32(at + 8);
    const alloc = this.#view.getUint32(at + 12);
    const isReserved = kind === L2Kind.normal;
    const reason = isReserved
      ? invalidOffsetReason(kind, l2EntryOffset(high, low), guest, this.#geometry)
      : -1;
    if (reason >= 0) throw invalidRunError(label, guest, reason);
    if (!subclusterBitmapIsValid(alloc, zero) || (alloc !== 0 && !isReserved))
      throw invalidRunError(label, guest, InvalidReason.subclusterBitmap);
    return alloc !== 0;
  }
}
