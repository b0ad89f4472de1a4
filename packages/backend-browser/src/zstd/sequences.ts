// The sequences of a block (RFC 8878, 3.1.1.3.2 and 3.1.1.4): each copies literals, and then bytes that are there
// already. Owns the bounds of every copy.

import { type FseTable, fseTableOf, nextState, readFseTable } from "./fse.js";
import type { Output } from "./output.js";
import { ReverseBits } from "./reverse-bits.js";
import { type CodeKind, sequenceCodes } from "./sequence-codes.js";
import { badFrame } from "./zstd-error.js";

const PREDEFINED = 0;
const ONE_SYMBOL = 1;
const OWN_TABLE = 2;

export interface SequenceTables {
  readonly literals: FseTable;
  readonly offsets: FseTable;
  readonly matches: FseTable;
}

/** What blocks of a frame hand on to the next one. */
export interface SequenceState {
  tables: SequenceTables | undefined;
  /** The offsets that were used last (3.1.1.5). */
  readonly recent: [number, number, number];
}

/** Carries out the sequences of `section`, and puts the literals that are left behind them. */
export function executeSequences(
  section: Uint8Array,
  literals: Uint8Array,
  state: SequenceState,
  output: Output,
): void {
  const { count, length } = readCount(section);
  if (count === 0) {
    if (length !== section.length) throw badFrame("bytes follow where no sequences are");
    output.append(literals);
    return;
  }
  const modes = section[length] ?? 0;
  if ((modes & 3) !== 0) throw badFrame("reserved bits of sequences are set");
  const reader = { bytes: section.subarray(length + 1) };
  const { literals: ofLiterals, offsets, matches } = sequenceCodes();
  const tables = {
    literals: readTable(reader, modes >> 6, ofLiterals, state.tables?.literals),
    offsets: readTable(reader, (modes >> 4) & 3, offsets, state.tables?.offsets),
    matches: readTable(reader, (modes >> 2) & 3, matches, state.tables?.matches),
  };
  state.tables = tables;
  const used = decode(new ReverseBits(reader.bytes), count, tables, literals, state.recent, output);
  output.append(literals.subarray(used));
}

function readCount([a = 0, b = 0, c = 0]: Uint8Array): { count: number; length: number } {
  if (a < 128) return { count: a, length: 1 };
  if (a < 255) return { count: ((a - 128) << 8) + b, length: 2 };
  return { count: b + (c << 8) + 0x7f00, length: 3 };
}

/** The table of one kind of codes; takes what it reads off `reader`. */
function readTable(
  reader: { bytes: Uint8Array },
  mode: number,
  kind: CodeKind,
  before: FseTable | undefined,
): FseTable {
  const { bytes } = reader;
  if (mode === PREDEFINED) return kind.predefined;
  if (mode === ONE_SYMBOL) {
    const [symbol] = bytes;
    if (symbol === undefined || symbol > kind.symbolMax) throw badFrame("a code is none");
    reader.bytes = bytes.subarray(1);
    return fseTableOf(symbol);
  }
  if (mode === OWN_TABLE) {
    const { table, length } = readFseTable(bytes, kind);
    reader.bytes = bytes.subarray(length);
    return table;
  }
  if (before === undefined) throw badFrame("sequences use a table that was never sent");
  return before;
}

/** Decodes and carries out `count` sequences; how many literals they took. */
function decode(
  stream: ReverseBits,
  count: number,
  tables: SequenceTables,
  literals: Uint8Array,
  recent: [number, number, number],
  output: Output,
): number {
  const kinds = sequenceCodes();
  let literalState = stream.read(tables.literals.log);
  let offsetState = stream.read(tables.offsets.log);
  let matchState = stream.read(tables.matches.log);
  let used = 0;
  for (let left = count; left > 0; left -= 1) {
    const offsetValue = decodeValue(kinds.offsets, tables.offsets, offsetState, stream);
    const matchLength = decodeValue(kinds.matches, tables.matches, matchState, stream);
    const literalLength = decodeValue(kinds.literals, tables.literals, literalState, stream);
    if (left > 1) {
      literalState = nextState(tables.literals, literalState, stream);
      matchState = nextState(tables.matches, matchState, stream);
      offsetState = nextState(tables.offsets, offsetState, stream);
    }
    if (stream.left < 0 || literalLength > literals.length - used) throw badFrame("sequences are cut off");
    output.appendRange(literals, used, literalLength);
    used += literalLength;
    output.repeat(offsetOf(offsetValue, literalLength, recent), matchLength);
  }
  if (stream.left !== 0) throw badFrame("bits follow the last sequence");
  return used;
}

function decodeValue(kind: CodeKind, table: FseTable, state: number, stream: ReverseBits): number {
  const code = table.symbol[state] as number;
  return (kind.base[code] as number) + stream.read(kind.bits[code] as number);
}

/** How far back a match starts: values up to 3 stand for recent offsets (3.1.1.5). */
function offsetOf(value: number, literalLength: number, recent: [number, number, number]): number {
  const [first, second, third] = recent;
  if (value > 3) {
    recent[2] = second;
    recent[1] = first;
    recent[0] = value - 3;
    return value - 3;
  }
  // Without literals between, the last offset would only have made the last match longer: the meanings move on by one.
  const nth = literalLength === 0 ? value + 1 : value;
  if (nth === 1) return first;
  const offset = nth === 2 ? second : nth === 3 ? third : first - 1;
  if (nth > 2) recent[2] = second;
  recent[1] = first;
  recent[0] = offset;
  return offset;
}
