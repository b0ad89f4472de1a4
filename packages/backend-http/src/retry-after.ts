// The header Retry-After (RFC 9110, section 10.2.3), in seconds or as a date. Owns its grammar; how long
// is too long is retrying's business.

/** How long to wait, in milliseconds, at the time `wallMs`; undefined when the header says nothing usable. */
export function parseRetryAfter(value: string | null, wallMs: number): number | undefined {
  const text = value?.trim() ?? "";
  if (/^\d{1,10}$/.test(text)) return Number(text) * 1000;
  // A date in HTTP has letters and ends with its zone; Date.parse alone would take much else for one.
  if (!/^[A-Z][a-z]+, .*GMT$/.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(at - wallMs, 0);
}
