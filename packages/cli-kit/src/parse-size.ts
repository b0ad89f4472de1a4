// Sizes as users write them: plain bytes, or a number with a unit of 1024. Owns no printing.

import { CommandError } from "./command-error.js";

const UNITS = "KMGTPE";
const PATTERN = /^(0x[0-9a-f]+|[0-9]+)(?:([KMGTPE])(?:iB)?)?$/i;

/**
 * Bytes of `text`: digits (or `0x` and hexadecimal digits), then optionally one of `K M G T P E`,
 * with or without `iB`, meaning powers of 1024.
 *
 * @throws CommandError `CLI_USAGE` when `text` is no such number, or the result is past 2^53 - 1.
 */
export function parseSize(text: string): number {
  const match = PATTERN.exec(text.trim());
  if (match?.[1] === undefined)
    throw badSize(text, "use bytes, or a number with K, M, G, T, P, E, KiB … EiB");
  const unit = match[2] === undefined ? 0 : UNITS.indexOf(match[2].toUpperCase()) + 1;
  const bytes = BigInt(match[1]) << BigInt(10 * unit);
  if (bytes > BigInt(Number.MAX_SAFE_INTEGER)) throw badSize(text, "it is larger than 2^53 - 1 bytes");
  return Number(bytes);
}

function badSize(text: string, reason: string): CommandError {
  return new CommandError("CLI_USAGE", `invalid size: ${text}: ${reason}`);
}
