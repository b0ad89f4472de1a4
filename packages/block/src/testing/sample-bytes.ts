// Deterministic bytes for the suites. Own no randomness: the same seed gives the same bytes anywhere.

/** A generator of 32-bit numbers from `seed` (xorshift). */
export function randomNumbers(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}

/** Bytes without any pattern that a compressor would find; none of them zero, so that holes stand out. */
export function noise(length: number, seed = 1): Uint8Array {
  const next = randomNumbers(seed);
  return new Uint8Array(length).map(() => 1 + (next() % 255));
}

/** Bytes that compress well, as text does: words out of a small dictionary. */
export function prose(length: number, seed = 1): Uint8Array {
  const next = randomNumbers(seed);
  const words = noise(512, seed);
  const bytes = new Uint8Array(length);
  for (let position = 0; position < length; ) {
    const start = next() % 480;
    const word = words.subarray(start, start + Math.min(4 + (next() % 28), length - position));
    bytes.set(word, position);
    position += word.length;
  }
  return bytes;
}
