// The text of a map as qcow-tool writes it since 0.12.2: an S-expression with the intervals in descending order, on lines
// of at most 77 characters. Owns the layout; maps of millions of intervals come in pieces.

import type { Intervals } from "./intervals.js";

const LINE_MAX = 77;
const PIECE_CHARACTERS = 64 * 1024;

/** The text, with a newline at the end, in pieces. `intervals` ascend. */
export function* mapText(intervals: Intervals, totalSize: number): Generator<string> {
  const total = `(total_size ${totalSize})`;
  const blocks = flatLength(intervals);
  // "((blocks " and ") " around it.
  if (9 + blocks + 2 + total.length + 1 <= LINE_MAX) {
    yield `((blocks ${[...flatPieces(intervals)].join("")}) ${total})\n`;
    return;
  }
  // The field goes whole onto the first line if it fits there, then the size onto the next.
  if (9 + blocks + 1 <= LINE_MAX) yield `((blocks ${[...flatPieces(intervals)].join("")})`;
  else {
    yield "((blocks\n  ";
    if (2 + blocks <= LINE_MAX) yield [...flatPieces(intervals)].join("");
    else yield* brokenPieces(intervals);
    yield ")";
  }
  yield `\n ${total})\n`;
}

/** Length of the text in bytes. */
export function mapTextLength(intervals: Intervals, totalSize: number): number {
  let length = 0;
  for (const piece of mapText(intervals, totalSize)) length += piece.length;
  return length;
}

function flatLength(intervals: Intervals): number {
  let length = 2 + Math.max(0, intervals.count - 1);
  for (let index = 0; index < intervals.count && length <= LINE_MAX; index++)
    length += pair(intervals, index).length;
  return length;
}

function* flatPieces(intervals: Intervals): Generator<string> {
  yield "(";
  for (let index = intervals.count - 1; index >= 0; index--)
    yield `${pair(intervals, index)}${index === 0 ? "" : " "}`;
  yield ")";
}

function* brokenPieces(intervals: Intervals): Generator<string> {
  let text = "(";
  let column = 3;
  for (let index = intervals.count - 1; index >= 0; index--) {
    const item = pair(intervals, index);
    const isFirst = index === intervals.count - 1;
    const needed = (isFirst ? 0 : 1) + item.length + (index === 0 && !isFirst ? 1 : 0);
    if (!isFirst && column + needed > LINE_MAX) {
      text += `\n   ${item}`;
      column = 3 + item.length;
    } else {
      text += isFirst ? item : ` ${item}`;
      column += item.length + (isFirst ? 0 : 1);
    }
    if (text.length >= PIECE_CHARACTERS) {
      yield text;
      text = "";
    }
  }
  yield `${text})`;
}

function pair(intervals: Intervals, index: number): string {
  return `(${intervals.first(index)} ${intervals.last(index)})`;
}
