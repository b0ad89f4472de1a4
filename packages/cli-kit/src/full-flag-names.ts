// Flags that are not written to the end: `--prog` for `--progress`, as the parsers of qcow-tool and qemu-img have it. Owns
// the rewriting of words; what a flag means is oclif's.

import { CommandError } from "./command-error.js";

/** What must be known of a flag. */
export interface FlagSpelling {
  readonly type: "boolean" | "option";
  readonly char?: string | undefined;
  readonly aliases?: readonly string[] | undefined;
  readonly allowNo?: boolean | undefined;
  readonly hidden?: boolean | undefined;
}

/**
 * `argv` in which each `--WORD` that begins the name of one flag has become that name. Hidden flags must be written out.
 *
 * @throws CommandError `CLI_USAGE` when it begins the names of several.
 */
export function fullFlagNames(
  argv: readonly string[],
  flags: Readonly<Record<string, FlagSpelling>>,
): string[] {
  const spellings = Object.entries(flags).flatMap(([name, flag]) => spellingsOf(name, flag));
  const words: string[] = [];
  let isValue = false;
  for (const [index, word] of argv.entries()) {
    if (!isValue && word === "--") return [...words, ...argv.slice(index)];
    const full: string = isValue ? word : fullName(word, spellings);
    isValue = !isValue && spellings.some(({ text, takesWord }) => takesWord && text === full);
    words.push(full);
  }
  return words;
}

interface Spelling {
  readonly text: string;
  /** Whether the next word is its value. */
  readonly takesWord: boolean;
  readonly hidden: boolean;
}

function spellingsOf(
  name: string,
  { type, char, aliases = [], allowNo, hidden = false }: FlagSpelling,
): Spelling[] {
  const takesWord = type === "option";
  const texts = [name, ...aliases, ...(allowNo === true ? [`no-${name}`] : [])].map((each) => `--${each}`);
  return [...texts, ...(char === undefined ? [] : [`-${char}`])].map((text) => ({ text, takesWord, hidden }));
}

function fullName(word: string, spellings: readonly Spelling[]): string {
  if (!word.startsWith("--")) return word;
  const [start = word] = word.split("=", 1);
  if (spellings.some(({ text }) => text === start)) return word;
  const [first, ...more] = spellings.filter(({ text, hidden }) => !hidden && text.startsWith(start));
  if (first === undefined) return word;
  if (more.length === 0) return first.text + word.slice(start.length);
  const names = [first, ...more].map(({ text }) => text).join(", ");
  throw new CommandError("CLI_USAGE", `${start} may be any of ${names}`);
}
