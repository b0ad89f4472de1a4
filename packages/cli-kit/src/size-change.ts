// New sizes as users write them: absolute, or more or less than now. Owns the sign; parse-size.ts reads the number.

import { CommandError } from "./command-error.js";
import { parseSize } from "./parse-size.js";

/** `to`: the new size. `by`: what is added, which may be negative. Bytes. */
export interface SizeChange {
  readonly kind: "to" | "by";
  readonly bytes: number;
}

/**
 * Reads `10G`, `+2G` or `-512M`, with the units of `parseSize`.
 *
 * @throws CommandError `CLI_USAGE` when `text` is nothing of that kind.
 */
export function parseSizeChange(text: string): SizeChange {
  const trimmed = text.trim();
  const sign = trimmed.charAt(0);
  if (sign !== "+" && sign !== "-") return { kind: "to", bytes: parseSize(trimmed) };
  const bytes = parseSize(trimmed.slice(1));
  return { kind: "by", bytes: sign === "-" ? -bytes : bytes };
}

/**
 * The size in bytes that `change` makes of `current`.
 *
 * @throws CommandError `CLI_USAGE` when that is less than nothing, or past 2^53 - 1.
 */
export function changedSize(current: number, { kind, bytes }: SizeChange): number {
  if (kind === "to") return bytes;
  const size = current + bytes;
  if (size < 0) throw impossible(`the disk has ${current} bytes; it cannot lose ${-bytes}`);
  if (!Number.isSafeInteger(size)) throw impossible(`${current} and ${bytes} bytes are more than 2^53 - 1`);
  return size;
}

function impossible(message: string): CommandError {
  return new CommandError("CLI_USAGE", message);
}
