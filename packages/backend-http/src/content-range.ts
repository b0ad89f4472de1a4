// The header Content-Range (RFC 9110, section 14.4). Owns its grammar; what a range ought to be is the
// business of whoever asked for it.

/** What the header says. `end` is exclusive, unlike in the header; what is `*` there is undefined here. */
export interface ContentRange {
  readonly start: number | undefined;
  readonly end: number | undefined;
  readonly total: number | undefined;
}

/** The header's value read, or undefined when it is none, of another unit, or contradicts itself. */
export function parseContentRange(value: string): ContentRange | undefined {
  const match = /^bytes\s+(?:(\d{1,16})-(\d{1,16})|\*)\/(?:(\d{1,16})|\*)$/i.exec(value.trim());
  if (match === null) return undefined;
  const [start, last, total] = match.slice(1).map((text) => (text === undefined ? undefined : Number(text)));
  if (![start, last, total].every((n) => n === undefined || (Number.isSafeInteger(n) && n < 2 ** 53 - 1)))
    return undefined;
  const end = last === undefined ? undefined : last + 1;
  if (start === undefined || end === undefined) return { start: undefined, end: undefined, total };
  if (start >= end || (total !== undefined && end > total)) return undefined;
  return { start, end, total };
}
