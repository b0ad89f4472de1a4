// The bytes of a disk and its length, changed synchronously: what backends in memory are made of. Owns what a change
// does to both; knows no errors, and trusts its caller's ranges.

import type { DataRange } from "@qcow/block";
import { SparsePages } from "./sparse-pages.js";

export class DiskContents {
  #pages = new SparsePages();
  #size: number;

  /** All zero. `size` is in bytes. */
  constructor(size: number) {
    this.#size = size;
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes of memory in use. */
  get allocatedBytes(): number {
    return this.#pages.allocatedBytes;
  }

  /** Whether a read of `length` bytes at `offset` can be filled. */
  holds(offset: number, length: number): boolean {
    return length === 0 || offset + length <= this.#size;
  }

  read(offset: number, target: Uint8Array): void {
    this.#pages.read(offset, target);
  }

  /** A copy of the bytes from `offset` on, at most `length` of them and none past the end. */
  copyOf(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(Math.max(Math.min(length, this.#size - offset), 0));
    this.#pages.read(offset, bytes);
    return bytes;
  }

  write(offset: number, source: Uint8Array): void {
    if (source.length === 0) return;
    this.#pages.write(offset, source);
    this.#size = Math.max(this.#size, offset + source.length);
  }

  resize(size: number): void {
    if (size < this.#size) this.#pages.clear(size, this.#size - size);
    this.#size = size;
  }

  discard(offset: number, length: number): void {
    this.#pages.clear(offset, length);
  }

  /** Memory is not reserved, a write takes what it needs: only the length may grow. */
  allocate(offset: number, length: number): void {
    if (length > 0) this.#size = Math.max(this.#size, offset + length);
  }

  nextData(offset: number): DataRange | undefined {
    const range = this.#pages.nextPages(offset);
    // Only the last page may reach past the end, and a page past it there is none.
    return range && offset < this.#size ? { ...range, end: Math.min(range.end, this.#size) } : undefined;
  }

  /** A copy; what both hold is shared until one of them writes. */
  clone(): DiskContents {
    const copy = new DiskContents(this.#size);
    copy.#pages = this.#pages.clone();
    return copy;
  }
}
