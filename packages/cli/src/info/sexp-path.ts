// The language of `info --filter`, as qcow-tool has it: `.size`, `.additional.[0].dirty`,
// `.extensions.[0].Feature_name_table[0]`. Owns parsing and following; failures carry qcow-tool's words.

import { CommandError } from "@qcow/cli-kit";
import { flatSexp, type Sexp, textAtom } from "./sexp.js";

export type PathStep =
  /** `.key`: the second element of the first pair whose first element is the atom `key`. */
  | { readonly kind: "key"; readonly key: string }
  /** `.[N]`: the element at a position, counted from 0. */
  | { readonly kind: "index"; readonly index: number }
  /** `.tag[N]`: the argument at a position, counted from 0, of a list that begins with the atom `tag`. */
  | { readonly kind: "match"; readonly tag: string; readonly index: number };

/**
 * Parses a path. `.` alone is the path of no steps.
 *
 * @throws CommandError `CLI_FILTER`.
 */
export function parsePath(text: string): PathStep[] {
  if (text === "") throw parseError("path empty");
  if (text === ".") return [];
  const steps: PathStep[] = [];
  for (let at = 0; at < text.length; ) {
    if (text[at] !== ".") throw parseError(`'.' expected; got '${text[at]}'`);
    const { step, next } = parseStep(text, at + 1);
    steps.push(step);
    at = next;
  }
  return steps;
}

/**
 * The part of `expression` that `steps` lead to.
 *
 * @throws CommandError `CLI_FILTER` when they lead nowhere.
 */
export function followPath(expression: Sexp, steps: readonly PathStep[]): Sexp {
  return steps.reduce(follow, expression);
}

function parseStep(text: string, start: number): { readonly step: PathStep; readonly next: number } {
  if (text[start] === ".") throw parseError("double '.'");
  if (text[start] === "[") {
    const { index, next } = parseIndex(text, start + 1);
    return { step: { kind: "index", index }, next };
  }
  const { key, end } = parseKey(text, start);
  if (text[end] !== "[") return { step: { kind: "key", key: textAtom(key) }, next: end };
  const { index, next } = parseIndex(text, end + 1);
  return { step: { kind: "match", tag: textAtom(key), index }, next };
}

function parseKey(text: string, start: number): { readonly key: string; readonly end: number } {
  let key = "";
  let at = start;
  for (; at < text.length && text[at] !== "." && text[at] !== "["; at++) {
    if (text[at] === "\\") {
      at++;
      if (at === text.length) throw parseError("EOF after escape");
    }
    key += text[at];
  }
  return { key, end: at };
}

function parseIndex(text: string, start: number): { readonly index: number; readonly next: number } {
  const end = text.indexOf("]", start);
  const digits = text.slice(start, end === -1 ? undefined : end);
  const illegal = /[^0-9]/.exec(digits);
  if (illegal !== null) throw parseError(`illegal character in index: ${illegal[0]}`);
  if (end === -1) throw parseError("EOF reading index");
  if (digits === "") throw parseError("empty index");
  return { index: Number(digits), next: end + 1 };
}

function follow(from: Sexp, step: PathStep): Sexp {
  switch (step.kind) {
    case "key":
      return followKey(listAt(from, "extract_rec"), step.key);
    case "index":
      return elementAt(listAt(from, "extract_pos"), step.index, "extract_pos");
    case "match":
      return followMatch(listAt(from, "extract_match"), step);
  }
}

function followKey(list: readonly Sexp[], key: string): Sexp {
  for (const pair of list) {
    if (typeof pair !== "string" && pair.length === 2 && pair[0] === key && pair[1] !== undefined)
      return pair[1];
  }
  throw filterError(`Path.extract_rec: key "${key}" not found in: ${flatSexp(list)}`);
}

function followMatch(list: readonly Sexp[], step: { readonly tag: string; readonly index: number }): Sexp {
  const [head, ...rest] = list;
  if (head === undefined || typeof head !== "string") {
    throw filterError(`Path.extract_match: unexpected nested list in: ${flatSexp(list)}`);
  }
  if (head !== step.tag)
    throw filterError(`Path.extract_match: tag "${step.tag}" not found in: ${flatSexp(list)}`);
  return elementAt(rest, step.index, "extract_match");
}

function elementAt(list: readonly Sexp[], index: number, step: string): Sexp {
  const element = list[index];
  if (element === undefined) throw filterError(`Path.${step}: illegal index ${index} in: ${flatSexp(list)}`);
  return element;
}

function listAt(from: Sexp, step: string): readonly Sexp[] {
  if (typeof from === "string") throw filterError(`Path.${step}: illegal atom: ${flatSexp(from)}`);
  return from;
}

function parseError(message: string): CommandError {
  return filterError(`Path.parse: ${message}`);
}

function filterError(message: string): CommandError {
  return new CommandError("CLI_FILTER", message, {
    hint: "See `qcow info IMAGE --output sexp` for what there is, and `qcow info --help` for the language.",
  });
}
