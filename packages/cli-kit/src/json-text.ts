// JSON as the commands print it. Owns the text form: big integers as plain integers, and no control
// character of a name reaching a terminal.

/** DEL, C1 controls and bidirectional overrides: JSON allows them raw, terminals obey them. */
const UNSAFE = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** `value` as one document of indented JSON, without a newline at the end. `undefined` members are left out. */
export function jsonText(value: unknown, indent = 2): string {
  const bigints: string[] = [];
  const mark = (_key: string, member: unknown): unknown =>
    typeof member === "bigint" ? `${BIGINT_MARK}${bigints.push(member.toString()) - 1}` : member;
  const marked = JSON.stringify(value, mark, indent);
  const text = bigints.length === 0 ? marked : unmark(marked, bigints);
  return text.replace(UNSAFE, escapeUnit);
}

/** Stands for a big integer until the text is made; a lone surrogate, so no decoded name can hold it. */
const BIGINT_MARK = "\udfffbigint:";
const MARKED = /"\\udfffbigint:([0-9]+)"/g;

function unmark(text: string, bigints: readonly string[]): string {
  return text.replace(MARKED, (_all, index: string) => bigints[Number(index)] ?? "null");
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
