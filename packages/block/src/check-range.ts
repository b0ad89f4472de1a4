// The one check of offsets and lengths, for those who implement a backend. Owns no knowledge of a
// backend's current size: whether a range lies inside is the backend's own question.

import { BackendError } from "./backend-error.js";

/**
 * Throws `BACKEND_BAD_RANGE` unless `offset` and `length` (bytes) are safe integers, not negative, and the
 * range ends at most at `Number.MAX_SAFE_INTEGER`.
 */
export function checkRange(offset: number, length: number, label: string): void {
  // Sums are exact up to 2^53, and rounding never takes a larger one below that: the comparison is exact.
  if (isSize(offset) && isSize(length) && offset + length <= Number.MAX_SAFE_INTEGER) return;
  throw new BackendError(
    "BACKEND_BAD_RANGE",
    `${label}: no valid range: offset ${String(offset)}, length ${String(length)}`,
    { label, offset, length },
  );
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
