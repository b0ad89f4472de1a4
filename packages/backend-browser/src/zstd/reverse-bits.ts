// Bits from the end of some bytes to their start, as zstd's entropy coders leave them (RFC 8878, 4.1 and 4.2).

import { badFrame } from "./zstd-error.js";

/** The most bits that one `peek` gives: four bytes less what a position within a byte takes. */
const PEEK_BITS_MAX = 25;

export class ReverseBits {
  /** How many bits are left; below 0 once more were taken than there were, which read as zero. */
  left: number;
  readonly #bytes: Uint8Array;

  /** The last byte's highest set bit marks the end of the bits. Throws when that byte is missing or zero. */
  constructor(bytes: Uint8Array) {
    const last = bytes[bytes.length - 1] ?? 0;
    if (last === 0) throw badFrame("a bit stream has no end mark");
    this.#bytes = bytes;
    this.left = bytes.length * 8 - Math.clz32(last) + 23;
  }

  /** The next `count` bits, at most 25, without moving on. */
  peek(count: number): number {
    const from = this.left - count;
    if (from < 0) return this.#peekAcrossStart(count, from);
    const bytes = this.#bytes;
    const at = from >> 3;
    // Bytes behind the end are undefined, which these operators take for zero.
    const four =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    return (four >>> (from & 7)) & ((1 << count) - 1);
  }

  /** Takes the next `count` bits, at most 32, as an unsigned number. */
  read(count: number): number {
    if (count > PEEK_BITS_MAX) {
      const high = this.read(count - 16);
      return high * 0x10000 + this.read(16);
    }
    const value = this.peek(count);
    this.left -= count;
    return value;
  }

  #peekAcrossStart(count: number, from: number): number {
    if (this.left <= 0) return 0;
    const there = this.left;
    const bits = this.peek(there);
    return (bits << -from) & ((1 << count) - 1);
  }
}
