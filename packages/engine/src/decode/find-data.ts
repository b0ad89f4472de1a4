// Finds what is worth writing in a buffer: everything but whole blocks of zeros. Owns the block size.

/** Blocks of zeros of this size become holes, as with `qemu-img convert`. */
export const ZERO_BLOCK_BYTES = 4096;

/** A part of a buffer, in bytes. */
export interface DataRange {
  readonly start: number;
  readonly end: number;
}

/** The ranges of `bytes` that are not zero, in whole blocks from its start on. `bytes` must start at a multiple of 4 in its buffer. */
export function findData(bytes: Uint8Array): DataRange[] {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.byteLength / 4));
  const ranges: DataRange[] = [];
  let start = -1;
  for (let block = 0; block < bytes.byteLength; block += ZERO_BLOCK_BYTES) {
    const end = Math.min(block + ZERO_BLOCK_BYTES, bytes.byteLength);
    if (isZero(words, bytes, block, end)) {
      if (start >= 0) ranges.push({ start, end: block });
      start = -1;
    } else if (start < 0) start = block;
  }
  if (start >= 0) ranges.push({ start, end: bytes.byteLength });
  return ranges;
}

/** Whether all of `bytes` is zero. `bytes` must start at a multiple of 4 in its buffer. */
export function isAllZero(bytes: Uint8Array): boolean {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.byteLength / 4));
  return isZero(words, bytes, 0, bytes.byteLength);
}

function isZero(words: Int32Array, bytes: Uint8Array, start: number, end: number): boolean {
  const lastWord = end >>> 2;
  for (let index = start >>> 2; index < lastWord; index++) if (words[index] !== 0) return false;
  for (let index = lastWord << 2; index < end; index++) if (bytes[index] !== 0) return false;
  return true;
}
