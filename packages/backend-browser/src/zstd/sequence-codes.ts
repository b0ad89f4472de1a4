// The codes of sequences (RFC 8878, 3.1.1.3.2.1): what each stands for, their limits, and the tables that blocks may use
// without sending any.

import { buildFseTable, type FseLimits, type FseTable } from "./fse.js";

/** One of the three kinds of codes. */
export interface CodeKind extends FseLimits {
  readonly predefined: FseTable;
  /** Per code: the smallest value, and the number of bits that are added to it. */
  readonly base: Uint32Array;
  readonly bits: Uint8Array;
}

/** Codes whose values follow on each other from `first` on, each with as many values as its `bits` tell apart. */
function kind(
  logMax: number,
  counts: readonly number[],
  log: number,
  first: number,
  bits: readonly number[],
): CodeKind {
  const base = new Uint32Array(bits.length);
  let value = first;
  bits.forEach((count, code) => {
    base[code] = value;
    value += 2 ** count;
  });
  return {
    logMax,
    symbolMax: bits.length - 1,
    predefined: buildFseTable(counts, log),
    base,
    bits: Uint8Array.from(bits),
  };
}

function zeros(count: number): number[] {
  return new Array<number>(count).fill(0);
}

const LITERAL_COUNTS = [
  4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1,
  -1,
];
const MATCH_COUNTS = [
  1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
  1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
];
const OFFSET_COUNTS = [
  1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1,
];

export interface SequenceCodes {
  readonly literals: CodeKind;
  readonly offsets: CodeKind;
  readonly matches: CodeKind;
}

let made: SequenceCodes | undefined;

/** Made when they are first needed: many pages never meet zstd. */
export function sequenceCodes(): SequenceCodes {
  made ??= {
    literals: kind(9, LITERAL_COUNTS, 6, 0, [
      ...zeros(16),
      ...[1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
    ]),
    // A code of n stands for 2^n and n bits more.
    offsets: kind(
      8,
      OFFSET_COUNTS,
      5,
      1,
      Array.from({ length: 32 }, (_, code) => code),
    ),
    matches: kind(9, MATCH_COUNTS, 6, 3, [
      ...zeros(32),
      ...[1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
    ]),
  };
  return made;
}
