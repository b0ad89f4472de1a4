// Owns how text taken from an image is made safe to print.
// Does not quote or shorten: that is the caller's choice.

// C0 controls, DEL, C1 controls; line and paragraph separators; bidirectional marks, embeddings, overrides and
// isolates; zero-width characters and the byte order mark; lone surrogates (which cannot be written as UTF-8).
const UNSAFE =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|\p{Surrogate}/gu;

/**
 * `text` with control characters, bidirectional controls and other invisible characters written as
 * `\xNN` (up to U+00FF) or `\u{NNNN}`, so that a name from an image cannot drive a terminal or forge a line.
 * A backslash stays as it is: the result is for people, not for parsing back.
 */
export function printable(text: string): string {
  return text.replace(UNSAFE, escapeCharacter);
}

function escapeCharacter(character: string): string {
  const point = character.codePointAt(0) ?? 0;
  const hex = point.toString(16);
  return point <= 0xff ? `\\x${hex.padStart(2, "0")}` : `\\u{${hex.padStart(4, "0")}}`;
}

/** A number as the messages of this package write offsets and bit masks: `0x` and hexadecimal digits. */
export function hexadecimal(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
