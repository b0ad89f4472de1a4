// Sizes and counts as users write them, of qemu-img (`1.5G`) and of qcow-tool (`0x10`, `1_000`, `64MiB`). Owns no printing.

import { CommandError } from "./command-error.js";

const UNITS = "KMGTPE";
/** A number as OCaml writes it, which is how qcow-tool reads it. */
const WHOLE = "0x[0-9a-f][0-9a-f_]*|0o[0-7][0-7_]*|0b[01][01_]*|(?:0u)?[0-9][0-9_]*";
const COUNT = new RegExp(`^(?:${WHOLE})$`, "i");
const FRACTION = "([0-9]+)\\.([0-9]+)(?=[KMGTPE])";
const SIZE = new RegExp(`^(?:${FRACTION}|(${WHOLE}))(?:([KMGTPE])(?:iB)?|B)?$`, "i");

/**
 * Bytes of `text`: a whole number as `parseCount` reads it, then optionally one of `K M G T P E`, with or without `iB`,
 * meaning powers of 1024, or `B`. Before a unit there may be a fraction; parts of a byte are left out, as qemu-img does it.
 *
 * @throws CommandError `CLI_USAGE` when `text` is no such number, or the result is past 2^53 - 1.
 */
export function parseSize(text: string): number {
  const match = SIZE.exec(text.trim());
  if (match === null) throw bad("size", text, "use bytes, or a number with K, M, G, T, P, E, KiB … EiB");
  const [, before = "", fraction = "", whole = before, letter] = match;
  const unit = letter === undefined ? 0 : UNITS.indexOf(letter.toUpperCase()) + 1;
  const parts = 10n ** BigInt(fraction.length);
  const bytes = ((wholeNumber(whole) * parts + BigInt(fraction || 0)) << BigInt(10 * unit)) / parts;
  if (bytes > BigInt(Number.MAX_SAFE_INTEGER)) throw bad("size", text, "it is larger than 2^53 - 1 bytes");
  return Number(bytes);
}

/**
 * The whole number `text`: digits, with `_` between them as one likes; `0x`, `0o`, `0b` begin numbers to other bases.
 *
 * @throws CommandError `CLI_USAGE` when `text` is no such number, or is past 2^53 - 1.
 */
export function parseCount(text: string): number {
  if (!COUNT.test(text.trim())) throw bad("number", text, "use digits, 0 or more");
  const count = wholeNumber(text.trim());
  if (count > BigInt(Number.MAX_SAFE_INTEGER)) throw bad("number", text, "it is larger than 2^53 - 1");
  return Number(count);
}

function wholeNumber(text: string): bigint {
  return BigInt(text.replaceAll("_", "").replace(/^0u/i, "").toLowerCase());
}

function bad(what: string, text: string, reason: string): CommandError {
  return new CommandError("CLI_USAGE", `invalid ${what}: ${text}: ${reason}`);
}
