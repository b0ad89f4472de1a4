// Offsets of 64 bits as numbers, for a check that only asks where they point.

/**
 * `value`, an offset or a length in bytes, as a number. Past 2^53 it is the nearest number there is, which is
 * still past the end of every file and is reported as such; below it is exact.
 */
export function hostOffset(value: bigint): number {
  return Number(value);
}
