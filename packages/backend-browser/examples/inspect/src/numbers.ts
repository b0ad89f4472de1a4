// Numbers as text, and back. Owns the forms.

const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** A length in bytes, exact, and rounded in the largest unit that fits. */
export function sizeText(bytes: number): string {
  const exact = `${countText(bytes)} bytes`;
  const power = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), UNITS.length - 1);
  if (power === 0) return exact;
  const rounded = Math.round((bytes / 1024 ** power) * 100) / 100;
  return `${rounded} ${UNITS[power]} (${exact})`;
}

/** A count, with commas between thousands in any language: what tests and people compare. */
export function countText(count: number): string {
  return count.toLocaleString("en");
}

export function hexText(value: number): string {
  return `0x${value.toString(16)}`;
}

/** What somebody typed as an offset, decimal or with 0x; undefined when it is none. */
export function parseOffset(text: string): number | undefined {
  const value = /^(0x[0-9a-f]+|[0-9]+)$/i.test(text.trim()) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : undefined;
}
