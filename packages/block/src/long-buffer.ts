// Memory for long reads and writes. Owns where in its block of memory such a buffer begins.

/**
 * Bytes from the start of the block to the buffer. Allocators give out large blocks 16 bytes after the start of a page, and files
 * lie in the host's memory in whole pages. AMD's processors copy to a place so little behind that of the source, counted
 * within pages, at a third to a quarter of their speed. With this the buffer begins 64 bytes after the start of a page.
 */
const LEAD_BYTES = 48;

/** A buffer of `length` bytes, all zero, that hosts copy to and from at their full speed. */
export function longBuffer(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(LEAD_BYTES + length), LEAD_BYTES, length);
}
