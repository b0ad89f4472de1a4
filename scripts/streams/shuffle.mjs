// Rewrites an image with its host clusters in another order: every pointer follows, refcounts too, so that it stays sound.
// Owns what lies together (tables of several clusters, compressed clusters that go on in the next host cluster). Persistent
// bitmaps are given up: what was theirs is just moved.
import {
  decodeHeader,
  decodeSnapshotTable,
  geometryOf,
  readRefcount,
  writeRefcount,
} from "../../packages/format/dist/index.js";

const OFFSET = 0x00ff_ffff_ffff_fe00n;
const COMPRESSED = 1n << 62n;

/** The same image as `image`, shuffled. */
export function shuffled(image, random) {
  const shuffle = new Shuffle(image);
  shuffle.find();
  return shuffle.rewrite(random);
}

class Shuffle {
  constructor(image) {
    this.header = decodeHeader(image);
    this.geometry = geometryOf(this.header);
    this.size = this.geometry.clusterSize;
    this.count = Math.ceil(image.length / this.size);
    this.bytes = Buffer.alloc(this.count * this.size);
    this.bytes.set(image);
    /** For each cluster: whether it must follow the one before it. */
    this.follows = new Uint8Array(this.count);
    /** Places of pointers: how the pointer there is changed. */
    this.pointers = new Map();
    this.refcounts = new Map();
  }

  find() {
    const { header } = this;
    const refcountTable = Number(header.refcountTableOffset);
    this.together(refcountTable, header.refcountTableClusters * this.size);
    this.findRefcounts(refcountTable);
    this.findL1(Number(header.l1TableOffset), header.l1Size);
    if (header.nbSnapshots === 0) return;
    const start = Number(header.snapshotsOffset);
    const { snapshots, length } = decodeSnapshotTable(this.bytes.subarray(start), header.nbSnapshots);
    this.together(start, length);
    let at = start;
    for (const { l1TableOffset, l1Size } of snapshots) {
      this.pointers.set(at, "whole");
      this.findL1(Number(l1TableOffset), l1Size);
      const length =
        40 +
        this.bytes.readUInt32BE(at + 36) +
        this.bytes.readUInt16BE(at + 12) +
        this.bytes.readUInt16BE(at + 14);
      at += Math.ceil(length / 8) * 8;
    }
  }

  /** `[start, start + length)` is one piece. */
  together(start, length) {
    const last = Math.floor((start + Math.max(1, length) - 1) / this.size);
    for (let cluster = Math.floor(start / this.size) + 1; cluster <= last; cluster++)
      if (cluster < this.count) this.follows[cluster] = 1;
  }

  findRefcounts(table) {
    const { refcountBlockEntries, refcountBits } = this.geometry;
    for (let at = table; at < table + this.header.refcountTableClusters * this.size; at += 8) {
      const block = Number(this.bytes.readBigUInt64BE(at) & ~0x1ffn);
      if (block === 0) continue;
      this.pointers.set(at, "refcounts");
      const first = ((at - table) / 8) * refcountBlockEntries;
      for (let index = 0; index < refcountBlockEntries && first + index < this.count; index++)
        this.refcounts.set(first + index, readRefcount(this.blockAt(block), index, refcountBits));
    }
  }

  blockAt(offset) {
    return this.bytes.subarray(offset, offset + this.size);
  }

  findL1(start, entries) {
    this.together(start, entries * 8);
    for (let at = start; at < start + entries * 8; at += 8) {
      const table = Number(this.bytes.readBigUInt64BE(at) & OFFSET);
      if (table === 0) continue;
      this.pointers.set(at, "offset");
      this.findL2(table);
    }
  }

  findL2(table) {
    const { l2EntrySize, clusterBits } = this.geometry;
    for (let at = table; at < table + this.size; at += l2EntrySize) {
      const entry = this.bytes.readBigUInt64BE(at);
      if ((entry & COMPRESSED) !== 0n) {
        const bits = BigInt(70 - clusterBits);
        const host = Number(entry & ((1n << bits) - 1n));
        const sectors = Number((entry & ((1n << 62n) - 1n)) >> bits) + 1;
        this.together(host, sectors * 512 - (host % 512));
        this.pointers.set(at, "compressed");
      } else if ((entry & OFFSET) !== 0n) this.pointers.set(at, "offset");
    }
  }

  rewrite(random) {
    const places = this.newPlaces(random);
    const moved = (offset) => places[Math.floor(offset / this.size)] * this.size + (offset % this.size);
    this.movePointers(moved);
    const result = Buffer.alloc(this.bytes.length);
    for (let cluster = 0; cluster < this.count; cluster++)
      this.bytes.copy(result, places[cluster] * this.size, cluster * this.size, (cluster + 1) * this.size);
    this.moveRefcounts(result, places, moved);
    result.writeBigUInt64BE(BigInt(moved(Number(this.header.l1TableOffset))), 40);
    result.writeBigUInt64BE(BigInt(moved(Number(this.header.refcountTableOffset))), 48);
    if (this.header.nbSnapshots > 0)
      result.writeBigUInt64BE(BigInt(moved(Number(this.header.snapshotsOffset))), 64);
    if (this.header.version === 3) result.writeBigUInt64BE(0n, 88);
    return result;
  }

  /** A random order of the pieces, behind the header. */
  newPlaces(random) {
    const pieces = [];
    for (let cluster = 1; cluster < this.count; cluster++) {
      if (this.follows[cluster] && pieces.length > 0) pieces.at(-1).push(cluster);
      else pieces.push([cluster]);
    }
    for (let last = pieces.length - 1; last > 0; last--) {
      const other = random.below(last + 1);
      [pieces[last], pieces[other]] = [pieces[other], pieces[last]];
    }
    const places = new Array(this.count).fill(0);
    let next = 1;
    for (const cluster of pieces.flat()) places[cluster] = next++;
    return places;
  }

  movePointers(moved) {
    const bits = BigInt(70 - this.geometry.clusterBits);
    for (const [at, kind] of this.pointers) {
      const entry = this.bytes.readBigUInt64BE(at);
      const mask = { whole: ~0n, refcounts: ~0x1ffn, offset: OFFSET, compressed: (1n << bits) - 1n }[kind];
      const place = BigInt(moved(Number(entry & mask & 0xffff_ffff_ffff_ffffn)));
      this.bytes.writeBigUInt64BE((entry & ~mask & 0xffff_ffff_ffff_ffffn) | place, at);
    }
  }

  /** Each cluster takes its refcount along. */
  moveRefcounts(result, places, moved) {
    const { refcountBlockEntries, refcountBits } = this.geometry;
    const table = moved(Number(this.header.refcountTableOffset));
    for (const [cluster, count] of this.refcounts) {
      const place = places[cluster];
      const block = Number(result.readBigUInt64BE(table + Math.floor(place / refcountBlockEntries) * 8));
      if (block === 0) {
        if (count !== 0n) throw new Error(`no refcount block for cluster ${place}`);
        continue;
      }
      writeRefcount(
        result.subarray(block, block + this.size),
        place % refcountBlockEntries,
        refcountBits,
        count,
      );
    }
  }
}
