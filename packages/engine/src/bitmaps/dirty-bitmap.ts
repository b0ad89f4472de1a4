// A persistent bitmap, open for reading (specification: "Bitmaps"): which parts of the disk it calls dirty. Owns what bits
// mean; who writes to the image does not keep bitmaps up to date, so it is read of an image that nobody writes to.

import type { IoOptions, ReadableBlockBackend } from "@qcow/block";
import {
  type BitmapDirectoryEntry,
  bitmapTableEntryKind,
  bitmapTableEntryOffset,
  checkBitmapTableEntry,
  decodeBitmapTableEntry,
  printable,
} from "@qcow/format";
import { EngineError } from "../engine-error.js";
import type { ImageMetadata } from "../image-metadata.js";
import { readAvailable } from "../tables/read-available.js";
import { readBitmapTable } from "../tables/read-bitmaps.js";

/** Told of a run of the disk; `false` ends the scan. Runs come in order, and neighbours may say the same. */
export type DirtyRunVisitor = (length: number, dirty: boolean) => boolean;

export class DirtyBitmap {
  readonly #backend: ReadableBlockBackend;
  readonly #metadata: ImageMetadata;
  readonly #entry: BitmapDirectoryEntry;
  readonly #table: DataView;

  private constructor(
    backend: ReadableBlockBackend,
    metadata: ImageMetadata,
    entry: BitmapDirectoryEntry,
    table: DataView,
  ) {
    this.#backend = backend;
    this.#metadata = metadata;
    this.#entry = entry;
    this.#table = table;
  }

  /**
   * The bitmap `name` of the image in `backend`, which `metadata` was read from and which stays the caller's. Rejects
   * `QCOW2_NO_SUCH_BITMAP` also for a bitmap that is in use: nobody knows what it says.
   */
  static async open(
    backend: ReadableBlockBackend,
    metadata: ImageMetadata,
    name: string,
    options: IoOptions = {},
  ): Promise<DirtyBitmap> {
    const entry = metadata.bitmaps.find((each) => each.name === name);
    if (entry === undefined || entry.inUse) {
      const problem = entry === undefined ? "has no bitmap" : "did not save its bitmap";
      throw new EngineError("QCOW2_NO_SUCH_BITMAP", `${metadata.label} ${problem} ${printable(name)}`);
    }
    const table = await readBitmapTable(backend, entry, metadata.fileSize, options);
    return new DirtyBitmap(backend, metadata, entry, table);
  }

  get name(): string {
    return this.#entry.name;
  }

  /** How many bytes of the disk share a bit. */
  get granularity(): number {
    return 2 ** this.#entry.granularityBits;
  }

  /** Tells `visit` what the bitmap says of the range, in bytes, until the end of that or until it has heard enough. */
  async scan(offset: number, length: number, visit: DirtyRunVisitor, options: IoOptions = {}): Promise<void> {
    const { virtualSize, clusterSize } = this.#metadata.geometry;
    const end = offset + length;
    if (!(offset >= 0 && length >= 0 && Number.isSafeInteger(end) && end <= virtualSize)) {
      throw new EngineError(
        "QCOW2_OUT_OF_RANGE",
        `offset ${offset} and length ${length} do not lie within the disk`,
        {
          offset,
        },
      );
    }
    const covered = clusterSize * 8 * this.granularity;
    for (let at = offset; at < end; ) {
      const index = Math.floor(at / covered);
      const stop = Math.min(end, (index + 1) * covered);
      if (!(await this.#scanCluster(index, at, stop, visit, options))) return;
      at = stop;
    }
  }

  /** From `start` to `end`, which one cluster of the bitmap covers; says whether to go on. */
  async #scanCluster(
    index: number,
    start: number,
    end: number,
    visit: DirtyRunVisitor,
    options: IoOptions,
  ): Promise<boolean> {
    options.signal?.throwIfAborted();
    const at = index * 8;
    // A table that the end of the file cuts off goes on with zeros.
    const [high, low] =
      at + 8 <= this.#table.byteLength ? [this.#table.getUint32(at), this.#table.getUint32(at + 4)] : [0, 0];
    const kind = bitmapTableEntryKind(high, low);
    if (kind !== "data") return visit(end - start, kind === "ones");
    const { clusterSize } = this.#metadata.geometry;
    checkBitmapTableEntry(decodeBitmapTableEntry(this.#table.getBigUint64(at)), clusterSize, index);
    const bits = await this.#read(bitmapTableEntryOffset(high, low), options);
    return visitBits(bits, index * clusterSize * 8, this.granularity, start, end, visit);
  }

  async #read(offset: number, options: IoOptions): Promise<Uint8Array> {
    const { geometry, fileSize, label } = this.#metadata;
    if (offset >= fileSize) {
      const message = `${label}: bits of ${printable(this.name)} are to lie past the end of the file`;
      throw new EngineError("QCOW2_REFERENCE_OUTSIDE_FILE", message, { offset });
    }
    return await readAvailable(this.#backend, offset, geometry.clusterSize, fileSize, options);
  }
}

/** Runs of bits from `start` to `end` of the disk; `bits` begin with bit `firstBit`, and go on with zeros. */
function visitBits(
  bits: Uint8Array,
  firstBit: number,
  granularity: number,
  start: number,
  end: number,
  visit: DirtyRunVisitor,
): boolean {
  const lastBit = Math.ceil(end / granularity) - firstBit;
  for (let at = start; at < end; ) {
    const bit = Math.floor(at / granularity) - firstBit;
    const dirty = isSet(bits, bit);
    const next = Math.min(end, (firstBit + runEnd(bits, bit, lastBit, dirty)) * granularity);
    if (!visit(next - at, dirty)) return false;
    at = next;
  }
  return true;
}

function isSet(bits: Uint8Array, bit: number): boolean {
  return (((bits[bit >>> 3] ?? 0) >>> (bit & 7)) & 1) === 1;
}

/** The first bit behind `bit` that is not as `set` says, or `last`. */
function runEnd(bits: Uint8Array, bit: number, last: number, set: boolean): number {
  const uniform = set ? 0xff : 0;
  let at = bit + 1;
  while (at < last) {
    if ((at & 7) === 0 && (bits[at >>> 3] ?? 0) === uniform) at += 8;
    else if (isSet(bits, at) === set) at += 1;
    else return at;
  }
  return last;
}
