// Takes out what a damaged image takes for a refcount block and is none. Owns the guess: real counts are small, contents read as
// counts are not. Counts of less than 16 bits can be anything.

import type { RefcountRules } from "../survey/entry-sense.js";

/** So many counts that cannot be, and a quarter of all that are not 0, and it is no refcount block. */
const SENSELESS_MIN = 8;
const SENSELESS_SHARE = 4;
const BITS_MIN = 16;

/** Clears `bytes`, a cluster that is taken for a refcount block, unless it can be one. Gives whether it was cleared. */
export function withholdRefcounts(bytes: Uint8Array, { bits, countMax }: RefcountRules): boolean {
  if (bits < BITS_MIN) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const step = bits / 8;
  let counted = 0;
  let senseless = 0;
  for (let at = 0; at + step <= bytes.length; at += step) {
    const count = countAt(view, at, bits);
    if (count === 0) continue;
    counted++;
    // All ones are what storage that died has, and nobody's contents.
    if (count > countMax && !isAllOnes(bytes, at, step)) senseless++;
  }
  if (senseless < SENSELESS_MIN || senseless * SENSELESS_SHARE < counted) return false;
  bytes.fill(0);
  return true;
}

function countAt(view: DataView, at: number, bits: number): number {
  if (bits === 16) return view.getUint16(at);
  return bits === 32 ? view.getUint32(at) : view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
}

function isAllOnes(bytes: Uint8Array, at: number, length: number): boolean {
  for (let index = at; index < at + length; index++) if (bytes[index] !== 0xff) return false;
  return true;
}
