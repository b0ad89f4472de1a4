// The contents of a cluster of which only some subclusters have any.

/** Copies the subclusters of `size` bytes whose bits are set in `alloc`; the others are zero. `bytes` may be `target`. */
export function copySubclusters(bytes: Uint8Array, target: Uint8Array, alloc: number, size: number): void {
  for (let index = 0; index < 32; index++) {
    const part = target.subarray(index * size, (index + 1) * size);
    if (((alloc >>> index) & 1) === 0) part.fill(0);
    else if (bytes !== target) part.set(bytes.subarray(index * size, (index + 1) * size));
  }
}
