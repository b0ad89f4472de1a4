// Reads the text of a map, in both forms that there are: a list of pairs, and the balanced tree of qcow-tool 0.10.0 to
// 0.12.1. Owns the grammar and its bounds; words come from tokens.ts, and what intervals mean is intervals.ts.

import type { DehydrateError } from "../dehydrate-error.js";
import { badMap, Intervals } from "./intervals.js";
import { Tokens } from "./tokens.js";

/** What a map says. */
export interface MapContents {
  /** Ascending, apart from each other, inside the file. */
  readonly intervals: Intervals;
  /** Length of the image file in bytes. */
  readonly totalSize: number;
}

/** Twice what a balanced tree of all numbers that there are needs. */
const TREE_DEPTH_MAX = 200;

/** A part of the grammar: asks for words, one after the other. */
type Rule<T> = Generator<void, T, string>;

/**
 * The map whose text is `chunks`, which must end after it (blanks may follow).
 *
 * @throws DehydrateError `DEHYDRATED_BAD_MAP`, or `DEHYDRATED_TOO_LARGE` for more than four million intervals.
 */
export async function readMap(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<MapContents> {
  const tokens = new Tokens();
  const rule = map();
  rule.next();
  let contents: MapContents | undefined;
  const take = (word: string): void => {
    if (contents !== undefined) throw badMap("something follows after its end");
    const step = rule.next(word);
    if (step.done === true) contents = step.value;
  };
  for await (const chunk of chunks) {
    signal?.throwIfAborted();
    tokens.feed(chunk, take);
  }
  tokens.end(take);
  if (contents === undefined) throw badMap("it ends too early");
  return { ...contents, intervals: contents.intervals.sorted(contents.totalSize) };
}

function* map(): Rule<MapContents> {
  const intervals = new Intervals();
  let totalSize: number | undefined;
  let hasBlocks = false;
  if ((yield) !== "(") throw badMap("it does not begin with a list");
  for (;;) {
    const name = yield* nextField();
    if (name === undefined) break;
    if (name === "blocks" && !hasBlocks) {
      hasBlocks = true;
      yield* blocks(intervals);
    } else if (name === "total_size" && totalSize === undefined) totalSize = number(yield);
    else throw unexpectedField(name);
    yield* close();
  }
  if (!hasBlocks) throw badMap("it has no blocks");
  if (totalSize === undefined) throw badMap("it has no total_size");
  return { intervals, totalSize };
}

function* blocks(intervals: Intervals): Rule<void> {
  const word = yield;
  if (word === "Empty") return;
  if (word !== "(") throw badMap(`blocks are no ${shown(word)}`);
  const next = yield;
  if (next === "Node") {
    yield* node(intervals, 1);
    yield* close();
  } else yield* pairs(intervals, next);
}

/** A list of pairs, whose first word was read. */
function* pairs(intervals: Intervals, first: string): Rule<void> {
  for (let word = first; word !== ")"; word = yield) {
    if (word !== "(") throw badMap(`a pair was expected, not ${shown(word)}`);
    const from = number(yield);
    intervals.add(from, number(yield));
    yield* close();
  }
}

function* tree(intervals: Intervals, depth: number): Rule<void> {
  const word = yield;
  if (word === "Empty") return;
  if (word !== "(" || (yield) !== "Node") throw badMap("a tree is neither Empty nor a Node");
  if (depth > TREE_DEPTH_MAX) throw badMap("its tree is too deep to be a balanced one");
  yield* node(intervals, depth);
  yield* close();
}

const NODE_FIELDS = ["x", "y", "l", "r", "h", "cardinal"] as const;

/** The record of a node. Height and cardinal are there to be found, and say nothing that is not known without them. */
function* node(intervals: Intervals, depth: number): Rule<void> {
  const seen = new Map<string, number>();
  if ((yield) !== "(") throw badMap("a Node has no record");
  for (;;) {
    const name = yield* nextField();
    if (name === undefined) break;
    if (!NODE_FIELDS.some((field) => field === name) || seen.has(name)) throw unexpectedField(name);
    if (name === "l" || name === "r") {
      seen.set(name, 0);
      yield* tree(intervals, depth + 1);
    } else seen.set(name, number(yield));
    yield* close();
  }
  const missing = NODE_FIELDS.find((field) => !seen.has(field));
  if (missing !== undefined) throw badMap(`a Node has no ${missing}`);
  intervals.add(seen.get("x") as number, seen.get("y") as number);
}

/** The name of the next field of a record, whose list is then open; undefined at the end of the record. */
function* nextField(): Rule<string | undefined> {
  const word = yield;
  if (word === ")") return undefined;
  if (word !== "(") throw badMap(`a field was expected, not ${shown(word)}`);
  const name = yield;
  if (name === "(" || name === ")") throw badMap("a field has no name");
  return name;
}

function* close(): Rule<void> {
  const word = yield;
  if (word !== ")") throw badMap(`a list does not end where it should, but goes on with ${shown(word)}`);
}

function number(word: string): number {
  if (!/^[0-9]+$/.test(word)) throw badMap(`${shown(word)} is no number`);
  const value = Number(word);
  if (!Number.isSafeInteger(value)) throw badMap(`${shown(word)} is more than 2^53 - 1`);
  return value;
}

function unexpectedField(name: string): DehydrateError {
  return badMap(`the field ${shown(name)} is unknown, or there twice`);
}

function shown(word: string): string {
  return JSON.stringify(word);
}
