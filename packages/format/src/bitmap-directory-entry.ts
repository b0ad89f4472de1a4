// Owns what an entry of the bitmap directory holds, and the rules for it (specification: "Bitmap directory"; limits as
// QEMU has them). Does not own its bytes, see bitmap-directory.ts, nor the table it points to. Does not look for two bitmaps of one name: QEMU does not either.

import { FormatError, type FormatErrorCode } from "./errors.js";
import {
  BITMAP_BYTES_MAX,
  BITMAP_GRANULARITY_BITS_MAX,
  BITMAP_GRANULARITY_BITS_MIN,
  BITMAP_NAME_BYTES_MAX,
  BITMAP_TABLE_ENTRIES_MAX,
} from "./limits.js";
import { hexadecimal } from "./printable.js";

/** A dirty tracking bitmap. */
export interface BitmapDirectoryEntry {
  /** Bytes from the start of the file, a multiple of the cluster size. */
  readonly tableOffset: bigint;
  /** Entries of the bitmap table. */
  readonly tableSize: number;
  /** The flags word; `inUse`, `auto` and `extraDataCompatible` are its bits 0, 1 and 2. */
  readonly flags: number;
  /** The bitmap was not saved: do not trust it. */
  readonly inUse: boolean;
  /** Writers have to keep it up to date. */
  readonly auto: boolean;
  /** The bitmap may be used by those who do not know its extra data. */
  readonly extraDataCompatible: boolean;
  /** 1, dirty tracking, is the only type there is. */
  readonly type: number;
  /** One bit stands for 2^granularityBits bytes of the disk. */
  readonly granularityBits: number;
  /** Text of `nameBytes`; what is not UTF-8 is replaced. Escape before printing. */
  readonly name: string;
  readonly nameBytes: Uint8Array;
  readonly extraData: Uint8Array;
}

export const BITMAP_FLAG_IN_USE = 1;
export const BITMAP_FLAG_AUTO = 2;
export const BITMAP_FLAG_EXTRA_DATA_COMPATIBLE = 4;
/** The only type of bitmap: dirty tracking. */
export const BITMAP_TYPE_DIRTY_TRACKING = 1;

/** What the rules for bitmaps depend on, in bytes. */
export interface BitmapScope {
  readonly clusterSize: number;
  readonly virtualSize: number;
}

type Refuse = (code: FormatErrorCode, field: string, offset: number, problem: string) => never;

const RESERVED_FLAGS = 0xffff_fff8;

/**
 * @throws FormatError `QCOW2_INVALID_FIELD`, `QCOW2_LIMIT_EXCEEDED`, or `QCOW2_UNSUPPORTED_FEATURE` for another type
 * of bitmap or extra data that is not marked as compatible.
 */
export function checkBitmapDirectoryEntry(
  entry: BitmapDirectoryEntry,
  scope: BitmapScope,
  structure: string,
): void {
  const refuse: Refuse = (code, field, offset, problem) => {
    throw new FormatError(code, problem, { structure, field, offset });
  };
  checkTable(entry, scope, refuse);
  checkFlags(entry, refuse);
  checkNameAndGranularity(entry, refuse);
  checkCoverage(entry, scope, refuse);
}

function checkTable(entry: BitmapDirectoryEntry, scope: BitmapScope, refuse: Refuse): void {
  const { tableOffset, tableSize } = entry;
  if (tableOffset === 0n || tableOffset % BigInt(scope.clusterSize) !== 0n) {
    const problem = `bitmap_table_offset is ${hexadecimal(tableOffset)}, no positive multiple of the cluster size`;
    refuse("QCOW2_INVALID_FIELD", "bitmap_table_offset", 0, problem);
  }
  if (tableSize === 0) refuse("QCOW2_INVALID_FIELD", "bitmap_table_size", 8, "bitmap_table_size is 0");
  const maximum = Math.min(BITMAP_TABLE_ENTRIES_MAX, BITMAP_BYTES_MAX / scope.clusterSize);
  if (tableSize > maximum) {
    const problem = `bitmap_table_size is ${tableSize}, at most ${maximum} are allowed`;
    refuse("QCOW2_LIMIT_EXCEEDED", "bitmap_table_size", 8, problem);
  }
}

function checkFlags(entry: BitmapDirectoryEntry, refuse: Refuse): void {
  const reserved = (entry.flags & RESERVED_FLAGS) >>> 0;
  if (reserved !== 0) {
    refuse("QCOW2_INVALID_FIELD", "flags", 12, `flags has reserved bits ${hexadecimal(reserved)}`);
  }
  if (entry.type !== BITMAP_TYPE_DIRTY_TRACKING) {
    const problem = `type is ${entry.type}, supported is 1 (dirty tracking)`;
    refuse("QCOW2_UNSUPPORTED_FEATURE", "type", 16, problem);
  }
  if (entry.extraData.length > 0 && !entry.extraDataCompatible) {
    const problem = `${entry.extraData.length} bytes of extra data are not known and not marked as compatible`;
    refuse("QCOW2_UNSUPPORTED_FEATURE", "extra_data_size", 20, problem);
  }
}

function checkNameAndGranularity(entry: BitmapDirectoryEntry, refuse: Refuse): void {
  const { granularityBits, nameBytes } = entry;
  if (granularityBits < BITMAP_GRANULARITY_BITS_MIN || granularityBits > BITMAP_GRANULARITY_BITS_MAX) {
    const range = `${BITMAP_GRANULARITY_BITS_MIN} to ${BITMAP_GRANULARITY_BITS_MAX}`;
    const problem = `granularity_bits is ${granularityBits}, allowed are ${range}`;
    refuse("QCOW2_INVALID_FIELD", "granularity_bits", 17, problem);
  }
  if (nameBytes.length === 0 || nameBytes.length > BITMAP_NAME_BYTES_MAX) {
    const problem = `name_size is ${nameBytes.length}, allowed are 1 to ${BITMAP_NAME_BYTES_MAX}`;
    refuse("QCOW2_INVALID_FIELD", "name_size", 18, problem);
  }
}

/** A bitmap in use may be of another size: the disk can have been resized since it was saved. */
function checkCoverage(entry: BitmapDirectoryEntry, scope: BitmapScope, refuse: Refuse): void {
  const covered = entry.tableSize * scope.clusterSize * 8 * 2 ** entry.granularityBits;
  if (entry.inUse || covered >= scope.virtualSize) return;
  const problem = `bitmap_table_size is ${entry.tableSize}, too few for a disk of ${scope.virtualSize} bytes`;
  refuse("QCOW2_INVALID_FIELD", "bitmap_table_size", 8, problem);
}
