// Owns refcount blocks: arrays of refcounts of 1 to 64 bits (specification: "Refcount block").
// Refcounts below a byte fill each byte from its low bits; wider ones are big-endian.
// Does not know which cluster a refcount belongs to.

import { FormatError } from "./errors.js";

const STRUCTURE = "refcount block";

/** One refcount. `refcountBits` is a power of 2, 1 to 64. @throws FormatError `QCOW2_TRUNCATED` past the block. */
export function readRefcount(block: Uint8Array, index: number, refcountBits: number): bigint {
  requireEntries(block, index, 1, refcountBits);
  if (refcountBits < 8) return BigInt(readSmall(block, index, refcountBits));
  const width = refcountBits / 8;
  let value = 0n;
  for (let at = index * width; at < (index + 1) * width; at++) value = (value << 8n) | BigInt(block[at] ?? 0);
  return value;
}

/**
 * Changes one refcount in place.
 *
 * @throws FormatError `QCOW2_TRUNCATED` past the block, `QCOW2_INVALID_FIELD` for a value that needs more bits.
 */
export function writeRefcount(block: Uint8Array, index: number, refcountBits: number, value: bigint): void {
  requireEntries(block, index, 1, refcountBits);
  if (value < 0n || value >> BigInt(refcountBits) !== 0n) {
    const problem = `refcount ${value} does not fit in ${refcountBits} bits`;
    throw new FormatError("QCOW2_INVALID_FIELD", problem, { structure: STRUCTURE, field: "refcount" });
  }
  if (refcountBits < 8) writeSmall(block, index, refcountBits, Number(value));
  else writeWide(block, index, refcountBits / 8, value);
}

/** The largest number that `refcountAt` gives: what does not fit is cut to it. */
const REFCOUNT_NUMBER_MAX = Number.MAX_SAFE_INTEGER;

/**
 * One refcount as a number, for loops over many; a value past 2^53 - 1 is cut to that. `index` must lie in the block.
 */
export function refcountAt(block: DataView, index: number, refcountBits: number): number {
  switch (refcountBits) {
    case 64:
      return Math.min(
        block.getUint32(index * 8) * 0x1_0000_0000 + block.getUint32(index * 8 + 4),
        REFCOUNT_NUMBER_MAX,
      );
    case 32:
      return block.getUint32(index * 4);
    case 16:
      return block.getUint16(index * 2);
    case 8:
      return block.getUint8(index);
    default: {
      const bit = index * refcountBits;
      return (block.getUint8(Math.floor(bit / 8)) >>> (bit % 8)) & ((1 << refcountBits) - 1);
    }
  }
}

/** Changes one refcount in place; `index` must lie in the block and `value`, a safe integer, fit (`refcountMax`). */
export function setRefcountAt(block: DataView, index: number, refcountBits: number, value: number): void {
  switch (refcountBits) {
    case 64:
      block.setUint32(index * 8, Math.floor(value / 0x1_0000_0000));
      block.setUint32(index * 8 + 4, value % 0x1_0000_0000);
      break;
    case 32:
      block.setUint32(index * 4, value);
      break;
    case 16:
      block.setUint16(index * 2, value);
      break;
    case 8:
      block.setUint8(index, value);
      break;
    default: {
      const bit = index * refcountBits;
      const at = Math.floor(bit / 8);
      const mask = ((1 << refcountBits) - 1) << (bit % 8);
      block.setUint8(at, (block.getUint8(at) & ~mask) | (value << (bit % 8)));
    }
  }
}

/** The largest refcount of this width that is counted to: 2^bits - 1, or 2^53 - 2 where that is less. */
export function refcountMax(refcountBits: number): number {
  return refcountBits === 64 ? REFCOUNT_NUMBER_MAX - 1 : 2 ** refcountBits - 1;
}

/** Index of the first refcount of 0 in `[from, to)`; `to` when there is none. */
export function nextZeroRefcount(block: DataView, from: number, to: number, refcountBits: number): number {
  for (let index = from; index < to; index++) {
    if (refcountAt(block, index, refcountBits) === 0) return index;
  }
  return to;
}

/**
 * The first `count` refcounts of a block, written to `out` from `outIndex` on.
 * A refcount that does not fit an element of `out` becomes the largest that does.
 *
 * @throws FormatError `QCOW2_TRUNCATED` if the block has fewer; RangeError if `out` has no room.
 */
export function decodeRefcounts(
  block: Uint8Array,
  refcountBits: number,
  out: Uint16Array | Uint32Array,
  outIndex: number,
  count: number,
): void {
  requireEntries(block, 0, count, refcountBits);
  if (outIndex < 0 || outIndex + count > out.length) {
    throw new RangeError(
      `${count} refcounts do not fit into an array of ${out.length} from index ${outIndex}`,
    );
  }
  if (refcountBits < 8) decodeSmall(block, refcountBits, out, outIndex, count);
  else if (refcountBits === 8) out.set(block.subarray(0, count), outIndex);
  else if (refcountBits === 16) decode16(block, out, outIndex, count);
  else decodeWide(block, refcountBits / 8, out, outIndex, count);
}

function readSmall(block: Uint8Array, index: number, bits: number): number {
  const bit = index * bits;
  return ((block[Math.floor(bit / 8)] ?? 0) >>> (bit % 8)) & ((1 << bits) - 1);
}

function writeSmall(block: Uint8Array, index: number, bits: number, value: number): void {
  const bit = index * bits;
  const at = Math.floor(bit / 8);
  const mask = ((1 << bits) - 1) << (bit % 8);
  block[at] = ((block[at] ?? 0) & ~mask) | (value << (bit % 8));
}

function writeWide(block: Uint8Array, index: number, width: number, value: bigint): void {
  let rest = value;
  for (let at = (index + 1) * width - 1; at >= index * width; at--) {
    block[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
}

function decodeSmall(
  block: Uint8Array,
  bits: number,
  out: Uint16Array | Uint32Array,
  outIndex: number,
  count: number,
): void {
  const mask = (1 << bits) - 1;
  const perByte = 8 / bits;
  for (let index = 0, at = 0; index < count; at++) {
    let byte = block[at] ?? 0;
    const end = Math.min(count, index + perByte);
    for (; index < end; index++, byte >>>= bits) out[outIndex + index] = byte & mask;
  }
}

function decode16(block: Uint8Array, out: Uint16Array | Uint32Array, outIndex: number, count: number): void {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  for (let index = 0; index < count; index++) out[outIndex + index] = view.getUint16(2 * index);
}

/** 32 or 64 bits, which may be more than `out` holds. */
function decodeWide(
  block: Uint8Array,
  width: number,
  out: Uint16Array | Uint32Array,
  outIndex: number,
  count: number,
): void {
  const maximum = out.BYTES_PER_ELEMENT === 2 ? 0xffff : 0xffff_ffff;
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  for (let index = 0, at = 0; index < count; index++, at += width) {
    const high = width === 8 ? view.getUint32(at) : 0;
    const low = view.getUint32(at + width - 4);
    out[outIndex + index] = high !== 0 || low > maximum ? maximum : low;
  }
}

function requireEntries(block: Uint8Array, index: number, count: number, refcountBits: number): void {
  const there = Math.floor((block.length * 8) / refcountBits);
  if (index >= 0 && count >= 0 && index + count <= there) return;
  const problem = `refcounts ${index} to ${index + count - 1} are wanted, the block has ${there}`;
  const offset = Math.floor((index * refcountBits) / 8);
  throw new FormatError("QCOW2_TRUNCATED", problem, { structure: STRUCTURE, field: "refcount", offset });
}
