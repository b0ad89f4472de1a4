// Counts what the entries of one L2 table reference, and finds those that make no sense. The loop over the
// entries is the hot part of a check: plain numbers, no objects.

import {
  compressedLength,
  compressedOffset,
  type Geometry,
  L2Kind,
  l2EntryHasReservedBits,
  l2EntryIsCopied,
  l2EntryOffset,
  subclusterBitmapIsValid,
} from "@qcow/format";
import { clusterKind } from "../mapping/cluster-kind.js";
import { isPlainEntry, plainEntryMask } from "../mapping/plain-entry.js";
import type { FindingCode } from "./check-report.js";
import { COUNT_MAX, PAGE_CLUSTERS, PAGE_SHIFT } from "./cluster-pages.js";
import type { FindingLog } from "./finding-log.js";
import type { L2Use } from "./l2-tables.js";
import { hex, type References } from "./references.js";
import type { StoredRefcounts } from "./stored-refcounts.js";
import { isUnalignedZero } from "./unaligned-zero.js";

/** What the active tables hold, over all; and what can be mended. */
export interface AllocationTally {
  allocated: number;
  fragmented: number;
  compressed: number;
  /** Entries of all tables that keep an unaligned host cluster for nothing (unaligned-zero.ts). */
  unalignedZeros: number;
}

export interface ScanContext {
  readonly geometry: Geometry;
  readonly references: References;
  readonly stored: StoredRefcounts;
  readonly log: FindingLog;
  readonly tally: AllocationTally;
  /** Told of each compressed cluster: host offset and length in bytes. */
  readonly onCompressed?: ((offset: number, length: number) => void) | undefined;
}

/** Scans the table at host offset `offset`, of which `view` holds the entries. */
export function scanL2Table(view: DataView, offset: number, use: L2Use, context: ScanContext): void {
  new L2Scan(offset, use, context).run(view);
}

class L2Scan {
  readonly #offset: number;
  readonly #use: L2Use;
  readonly #context: ScanContext;
  readonly #rules: { readonly version: 2 | 3; readonly extended: boolean };
  /** Index of the cluster after the last one that was seen; a fraction after an unaligned one, 0 before the first. */
  #nextContiguous = 0;
  #allocated = 0;
  #fragmented = 0;
  #compressed = 0;

  constructor(offset: number, use: L2Use, context: ScanContext) {
    this.#offset = offset;
    this.#use = use;
    this.#context = context;
    // Bit 0 gets a finding of its own in version 2, where QEMU takes it for the zero flag.
    this.#rules = { version: 3, extended: context.geometry.extendedL2 };
  }

  run(view: DataView): void {
    const { geometry, tally } = this.#context;
    if (geometry.extendedL2) this.#runExtended(view);
    else if (geometry.hasDataFile) this.#runStandard(view);
    else this.#runPlain(view);
    tally.allocated += this.#allocated * this.#use.active;
    tally.fragmented += this.#fragmented * this.#use.active;
    tally.compressed += this.#compressed * this.#use.active;
  }

  // Plain entries are counted here, page by page and in local variables; all others take the long way. All numbers
  // are small integers to the engine of the language, signed halves too: that makes the loop twice as fast.
  #runPlain(view: DataView): void {
    const { geometry, references, stored } = this.#context;
    const { clusterBits } = geometry;
    const mask = plainEntryMask(geometry);
    const highBits = 32 - clusterBits;
    const highMax = 1 << (clusterBits - 1);
    const clusterCount = references.clusterCount | 0;
    const { total, active } = this.#use;
    let pageNumber = -1;
    let counts = references.counts.emptyPage;
    let refcounts = stored.pages.emptyPage;
    let allocated = 0;
    let fragmented = 0;
    let next = this.#nextContiguous;
    const end = view.byteLength - 7;
    for (let at = 0; at < end; at += 8) {
      const high = view.getInt32(at);
      const low = view.getInt32(at + 4);
      if ((high | low) === 0) continue;
      const highOffset = high & 0x00ff_ffff;
      // Below 2^31, the most clusters that are counted; anything higher is past the end of the file.
      const index = highOffset < highMax ? (highOffset << highBits) | (low >>> clusterBits) : 0;
      if (index === 0 || index >= clusterCount || !isPlainEntry(high, low, mask)) {
        this.#nextContiguous = next;
        this.#entry(at, high >>> 0, low >>> 0, 0, 0);
        next = this.#nextContiguous;
        continue;
      }
      const number = index >>> PAGE_SHIFT;
      if (number !== pageNumber) {
        pageNumber = number;
        counts = references.counts.page(number);
        refcounts = stored.pages.peekPage(number) ?? stored.pages.emptyPage;
      }
      const within = index & (PAGE_CLUSTERS - 1);
      const count = counts[within] as number;
      if (total !== 1) counts[within] = Math.min(count + total, COUNT_MAX);
      else if (count !== COUNT_MAX) counts[within] = count + 1;
      allocated++;
      if (index !== next && next !== 0) fragmented++;
      next = index + 1;
      const sole = refcounts[within] === 1;
      if (sole !== l2EntryIsCopied(high) && active > 0) this.#checkCopied(at, high >>> 0, low >>> 0, index);
    }
    this.#allocated += allocated;
    this.#fragmented += fragmented;
  }

  #runStandard(view: DataView): void {
    for (let at = 0; at + 8 <= view.byteLength; at += 8) {
      const high = view.getUint32(at);
      const low = view.getUint32(at + 4);
      if ((high | low) !== 0) this.#entry(at, high, low, 0, 0);
    }
  }

  #runExtended(view: DataView): void {
    for (let at = 0; at + 16 <= view.byteLength; at += 16) {
      const high = view.getUint32(at);
      const low = view.getUint32(at + 4);
      const zero = view.getUint32(at + 8);
      const alloc = view.getUint32(at + 12);
      if ((high | low | alloc | zero) !== 0) this.#entry(at, high, low, alloc, zero);
    }
  }

  #countAllocated(host: number, clusterSize: number): void {
    const index = host / clusterSize;
    this.#allocated++;
    if (this.#nextContiguous !== 0 && index !== this.#nextContiguous) this.#fragmented++;
    this.#nextContiguous = index + 1;
  }

  #entry(at: number, high: number, low: number, alloc: number, zero: number): void {
    const kind = clusterKind(high, low, this.#context.geometry);
    if (kind === L2Kind.compressed) {
      this.#compressedEntry(at, high, low, (alloc | zero) !== 0);
      return;
    }
    if (l2EntryHasReservedBits(high, low, this.#rules)) this.#report(at, "RESERVED_BITS_SET", high, low);
    if ((low & 1) !== 0 && this.#context.geometry.version === 2) {
      this.#report(at, "ZERO_FLAG_NOT_ALLOWED", high, low);
    }
    if (kind === L2Kind.unallocated) {
      if (alloc === 0) return;
      this.#report(at, "SUBCLUSTER_BITMAP_INVALID", high, low);
      this.#context.references.doubt();
    } else if (kind !== L2Kind.zeroPlain) this.#standardEntry(at, kind, high, low, alloc, zero);
  }

  #standardEntry(at: number, kind: number, high: number, low: number, alloc: number, zero: number): void {
    const { geometry, references, tally } = this.#context;
    const { clusterSize } = geometry;
    const host = l2EntryOffset(high, low);
    if (!subclusterBitmapIsValid(alloc, zero)) this.#report(at, "SUBCLUSTER_BITMAP_INVALID", high, low);
    if (host % clusterSize !== 0) this.#report(at, "UNALIGNED_OFFSET", high, low);
    if (isUnalignedZero(kind, host, alloc, geometry)) tally.unalignedZeros++;
    this.#countAllocated(host, clusterSize);
    if (geometry.hasDataFile) {
      if (!l2EntryIsCopied(high) && this.#use.active > 0) this.#reportCopied(at, high, low, 1);
      return;
    }
    const index = Math.floor(host / clusterSize);
    if (index < references.clusterCount && host % clusterSize === 0)
      references.counts.add(index, this.#use.total);
    else references.add(host, clusterSize, "a data cluster", this.#use.total);
    if (this.#use.active > 0) this.#checkCopied(at, high, low, index);
  }

  #checkCopied(at: number, high: number, low: number, index: number): void {
    const { stored } = this.#context;
    const refcount = stored.get(index);
    if (l2EntryIsCopied(high) === (refcount === 1)) return;
    if (stored.isKnown(index)) this.#reportCopied(at, high, low, refcount);
  }

  #compressedEntry(at: number, high: number, low: number, hasBitmap: boolean): void {
    const { geometry, references } = this.#context;
    if (l2EntryIsCopied(high) || geometry.hasDataFile || hasBitmap) {
      this.#report(at, "COMPRESSED_ENTRY_INVALID", high, low);
    }
    if (geometry.hasDataFile || hasBitmap) {
      this.#context.references.doubt();
      return;
    }
    const host = compressedOffset(high, low, geometry.clusterBits);
    const length = compressedLength(high, low, geometry.clusterBits);
    references.add(host, length, "a compressed cluster", this.#use.total);
    this.#context.onCompressed?.(host, length);
    this.#allocated++;
    this.#compressed++;
    // Its neighbour shares sectors with it: reading in order is never contiguous.
    this.#fragmented++;
  }

  #report(at: number, code: FindingCode, high: number, low: number): void {
    const message = () => `${PROBLEMS[code] ?? code}: ${this.#describe(at, high, low)}`;
    this.#context.log.corruption(code, message, this.#offset + at, this.#use.total);
  }

  #reportCopied(at: number, high: number, low: number, refcount: number): void {
    const message = () => `OFLAG_COPIED data cluster: ${this.#describe(at, high, low)} refcount=${refcount}`;
    this.#context.log.corruption("COPIED_FLAG_WRONG", message, this.#offset + at, this.#use.active);
  }

  #describe(at: number, high: number, low: number): string {
    const entry = ((BigInt(high) << 32n) | BigInt(low)).toString(16);
    const index = at / this.#context.geometry.l2EntrySize;
    return `l2_entry=${entry} (entry ${index} of the L2 table at ${hex(this.#offset)})`;
  }
}

const PROBLEMS: Partial<Record<FindingCode, string>> = {
  RESERVED_BITS_SET: "reserved bits are set",
  ZERO_FLAG_NOT_ALLOWED: "version 2 does not know the zero flag",
  SUBCLUSTER_BITMAP_INVALID: "the subcluster bitmap contradicts itself",
  UNALIGNED_OFFSET: "the offset is not aligned to clusters",
  COMPRESSED_ENTRY_INVALID:
    "a compressed cluster must have neither COPIED flag nor subclusters nor a data file",
};
