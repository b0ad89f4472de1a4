// Owns which writes the two sides of a bench make: the same offsets for both.

const DISK_BYTES = 4 * 1024 ** 3;

/** Offsets of `count` writes of `bytes` each: one after the other, or scattered, the same in every run. */
export function writeOffsets(pattern, count, bytes) {
  const slots = Math.floor(DISK_BYTES / bytes);
  let state = 1;
  const scattered = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state % slots) * bytes;
  };
  return Array.from({ length: count }, (_, index) => (pattern === "random" ? scattered() : index * bytes));
}

/** Writes under way at once. */
export const WRITES_IN_FLIGHT = 16;
