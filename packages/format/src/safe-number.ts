// Owns the one place where a 64-bit field becomes a number.
// Does not know which fields those are.

import { FormatError, type FormatErrorPlace } from "./errors.js";

/**
 * `value`, an offset or size of 64 bits, as a number.
 *
 * @throws FormatError `QCOW2_OFFSET_TOO_LARGE` past 2^53 - 1, where numbers are no longer exact, and below 0.
 */
export function toSafeNumber(value: bigint, where: FormatErrorPlace): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) {
    const name = where.field ?? "value";
    throw new FormatError(
      "QCOW2_OFFSET_TOO_LARGE",
      `${name} is ${value}, supported are 0 to 2^53 - 1`,
      where,
    );
  }
  return Number(value);
}
