// Sizes for people, worded as qemu-img words them. Owns no parsing: that is parse-size.ts.

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] as const;

/**
 * `bytes` with three significant digits in the largest unit that keeps it below 1000, e.g. `0 B`,
 * `4.25 MiB`, `0.977 KiB` (which is 1000 bytes), as `qemu-img info` prints it.
 */
export function humanSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${threeDigits(value)} ${UNITS[unit]}`;
}

/** C's `%0.3g` for values below 1000. */
function threeDigits(value: number): string {
  return String(Number(value.toPrecision(3)));
}
