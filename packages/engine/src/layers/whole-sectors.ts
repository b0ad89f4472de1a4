// The unit of a guest's disk.

/** Bytes of a guest sector. */
export const GUEST_SECTOR_BYTES = 512;

/**
 * `size` without its last, incomplete sector. A guest sees whole sectors only, so QEMU cuts a size that is
 * no multiple of 512 down when it opens an image.
 */
export function wholeSectors(size: number): number {
  return size - (size % GUEST_SECTOR_BYTES);
}
