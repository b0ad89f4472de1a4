// Owns how names in an image become text and back.
// Does not escape: see printable.ts. The bytes stay the truth; callers keep them beside the text.

// The byte order mark is kept, so that text turns back into the same bytes.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/** `bytes` as text; what is not UTF-8 becomes U+FFFD. Never throws. */
export function decodeUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** `text` as UTF-8. */
export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The bytes before the first NUL, or all of them: names that C programs read as strings end there. */
export function beforeNul(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}
