// Owns compressed cluster descriptors: where the compressed bytes start and how many there can be
// (specification: "Compressed Clusters Descriptor"). Does not own the flags in bits 62 and 63: l2-entry.ts does.

import { highWord, lowWord } from "./entry-words.js";
import { FormatError } from "./errors.js";
import { COMPRESSED_SECTOR_BYTES } from "./limits.js";
import { hexadecimal } from "./printable.js";

/** Where compressed data lies. */
export interface CompressedDescriptor {
  /** First byte in the file; needs no alignment. */
  readonly hostOffset: bigint;
  /** Bytes to the end of the last 512-byte sector; the compressed stream may end earlier. */
  readonly length: number;
}

const STRUCTURE = "compressed cluster descriptor";

/** Bits of the host offset above the lower half: the field has 70 - clusterBits bits in all. */
function highOffsetBits(clusterBits: number): number {
  return 38 - clusterBits;
}

/** First byte of the compressed data in the file; exact below 2^53, the nearest number above. */
export function compressedOffset(hi: number, lo: number, clusterBits: number): number {
  return (hi & ((1 << highOffsetBits(clusterBits)) - 1)) * 0x1_0000_0000 + (lo >>> 0);
}

/** Bytes from the first byte to the end of the last sector: 1 to 2 * cluster size. */
export function compressedLength(hi: number, lo: number, clusterBits: number): number {
  const sectors = ((hi & 0x3fff_ffff) >>> highOffsetBits(clusterBits)) + 1;
  return sectors * COMPRESSED_SECTOR_BYTES - (lo & (COMPRESSED_SECTOR_BYTES - 1));
}

/** The descriptor in the lower 62 bits of an L2 entry. */
export function decodeCompressedDescriptor(entry: bigint, clusterBits: number): CompressedDescriptor {
  const offsetMask = (1n << BigInt(70 - clusterBits)) - 1n;
  const length = compressedLength(highWord(entry), lowWord(entry), clusterBits);
  return { hostOffset: entry & offsetMask, length };
}

/**
 * The lower 62 bits of an L2 entry. The length is rounded up to the end of a sector, the only lengths there are.
 *
 * @throws FormatError `QCOW2_INVALID_FIELD` for an offset past the field's 70 - clusterBits bits, or a length below 1
 * or past its cluster_bits - 8 bits of sectors.
 */
export function encodeCompressedDescriptor(descriptor: CompressedDescriptor, clusterBits: number): bigint {
  const { hostOffset, length } = descriptor;
  const offsetBits = 70 - clusterBits;
  if (hostOffset < 0n || hostOffset >> BigInt(offsetBits) !== 0n) {
    const problem = `host offset ${hexadecimal(hostOffset)} does not fit in ${offsetBits} bits`;
    throw new FormatError("QCOW2_INVALID_FIELD", problem, { structure: STRUCTURE, field: "host offset" });
  }
  const within = Number(hostOffset % BigInt(COMPRESSED_SECTOR_BYTES));
  const sectors = Math.ceil((within + length) / COMPRESSED_SECTOR_BYTES);
  if (!Number.isInteger(length) || length < 1 || sectors > 2 ** (clusterBits - 8)) {
    const problem = `length ${length} does not fit in ${clusterBits - 8} bits of 512-byte sectors`;
    throw new FormatError("QCOW2_INVALID_FIELD", problem, { structure: STRUCTURE, field: "length" });
  }
  return (BigInt(sectors - 1) << BigInt(offsetBits)) | hostOffset;
}
