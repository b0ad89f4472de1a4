// What the workloads write: bytes that tell by whom and for where they were written, so that a byte in the wrong place,
// or of the wrong version, is noticed. Owns the bytes only.

import { mix } from "./random.js";

/** Names the bytes of one write. */
export interface Pattern {
  /** Different for each write, as far as 32 bits go. */
  readonly seed: number;
  /** Bytes that do not compress, instead of sectors of equal ones. */
  readonly noise: boolean;
}

/** The bytes that a write with this pattern puts at guest offset `offset`; never all zero. */
export function patternBytes({ seed, noise }: Pattern, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const sector = Math.floor((offset + at) / 512);
    const end = Math.min(length, (sector + 1) * 512 - offset);
    const word = mix(seed ^ Math.imul(sector + 1, 0x85ebca6b));
    if (noise) addNoise(bytes, at, end, word);
    else bytes.fill(word & 0xff || 1, at, end);
    at = end;
  }
  return bytes;
}

function addNoise(bytes: Uint8Array, from: number, to: number, seed: number): void {
  let state = seed | 1;
  for (let at = from; at < to; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state;
  }
}
