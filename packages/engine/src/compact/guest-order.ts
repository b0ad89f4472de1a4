// Which clusters can be put in the order of the guest's disk, and where each of them is to lie. Owns the choice, and the
// bookkeeping while they move: twelve bytes for each of them and for each cluster of the file. Pure, but for reading tables.
//
// In order go the clusters that only the current disk names, and that may go elsewhere alone. What snapshots share stays
// where it is, since it has more than one order; so do tables and compressed streams.

import { L2Kind, l2EntryOffset } from "@qcow/format";
import { clusterKind } from "../mapping/cluster-kind.js";
import type { ClusterUse } from "./cluster-use.js";
import type { Compaction } from "./compaction.js";

/** Clusters by their rank: the first one of the disk has rank 0. */
export class GuestOrder {
  /** Number of clusters that are put in order. */
  readonly size: number;
  /** Clusters of the file. */
  readonly clusterCount: number;
  readonly #guests: Float64Array;
  readonly #hosts: Uint32Array;
  /** By host cluster: the rank of what lies there, counted from 1; 0 for anything else. */
  readonly #ranks: Uint32Array;
  /** Where each rank is to lie: ascending. */
  readonly #slots: Uint32Array;
  /** Free clusters that no rank is to have. */
  readonly free: readonly number[];

  /** `guests` and `hosts` belong together pair by pair, ordered by guest cluster; `use` knows what else is free. */
  constructor(guests: Float64Array, hosts: Uint32Array, use: ClusterUse) {
    this.size = guests.length;
    this.clusterCount = use.clusterCount;
    this.#guests = guests;
    this.#hosts = hosts;
    this.#ranks = new Uint32Array(use.clusterCount);
    for (let rank = 0; rank < this.size; rank++) this.#ranks[hosts[rank] as number] = rank + 1;
    this.#slots = new Uint32Array(this.size);
    const free: number[] = [];
    let rank = 0;
    for (let index = 0; index < use.clusterCount; index++) {
      const isFree = use.references(index) === 0 && use.isUsable(index);
      const isOurs = (this.#ranks[index] as number) > 0;
      if (rank < this.size && (isOurs || isFree)) this.#slots[rank++] = index;
      else if (isFree) free.push(index);
    }
    this.free = free;
  }

  /** Guest cluster of `rank`. */
  guest(rank: number): number {
    return this.#guests[rank] as number;
  }

  /** Host cluster where `rank` lies now. */
  host(rank: number): number {
    return this.#hosts[rank] as number;
  }

  /** Host cluster where `rank` is to lie. */
  slot(rank: number): number {
    return this.#slots[rank] as number;
  }

  /** The rank of what lies in host cluster `index`; -1 when that is none of these, or free. */
  rankAt(index: number): number {
    return (this.#ranks[index] ?? 0) - 1;
  }

  /** `rank` lies in host cluster `index` from now on. */
  moved(rank: number, index: number): void {
    const before = this.host(rank);
    if (this.rankAt(before) === rank) this.#ranks[before] = 0;
    this.#hosts[rank] = index;
    // Behind the end of the file, where nothing is to stay, nobody asks.
    if (index < this.#ranks.length) this.#ranks[index] = rank + 1;
  }

  /** Clusters that do not lie where they are to. */
  misplaced(): number {
    let count = 0;
    for (let rank = 0; rank < this.size; rank++) if (this.host(rank) !== this.slot(rank)) count++;
    return count;
  }
}

/** Reads all tables of the current disk. */
export async function findGuestOrder(
  { disk, metadata, options }: Compaction,
  use: ClusterUse,
): Promise<GuestOrder> {
  const { geometry } = metadata;
  const { l1, l2 } = disk.tables;
  // Each of them has a host cluster of its own.
  const guests = new Float64Array(use.used);
  const hosts = new Uint32Array(use.used);
  let size = 0;
  for (let index = l1.nextPresent(0, l1.size); index < l1.size; index = l1.nextPresent(index + 1, l1.size)) {
    const first = index * geometry.l2Entries;
    const { view } = await l2.get(l1.l2Offset(index), options);
    for (let entry = 0; entry < geometry.l2Entries; entry++) {
      const high = view.getUint32(entry * geometry.l2EntrySize);
      const low = view.getUint32(entry * geometry.l2EntrySize + 4);
      if ((high | low) === 0) continue;
      const kind = clusterKind(high, low, geometry);
      if (kind !== L2Kind.normal && kind !== L2Kind.zeroAllocated) continue;
      const host = l2EntryOffset(high, low) / geometry.clusterSize;
      if (use.references(host) !== 1 || !use.isSingle(host)) continue;
      guests[size] = first + entry;
      hosts[size++] = host;
    }
  }
  return new GuestOrder(guests.slice(0, size), hosts.slice(0, size), use);
}
