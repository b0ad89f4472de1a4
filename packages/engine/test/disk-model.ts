// What a disk should hold, as plain bytes: the model that tests compare an image with. Sparse, so that a
// disk of terabytes costs what was written to it. Knows nothing of qcow2.

const PAGE_BYTES = 64 * 1024;

export class DiskModel {
  /** Length in bytes. */
  readonly size: number;
  readonly #pages = new Map<number, Uint8Array>();

  constructor(size: number) {
    this.size = size;
  }

  /** A copy, of another length if one is given; what it cuts off does not come back. */
  clone(size = this.size): DiskModel {
    const copy = new DiskModel(size);
    for (const [index, page] of this.#pages) copy.write(index * PAGE_BYTES, page);
    return copy;
  }

  /** Puts `bytes` at `offset`; what lies past the end is dropped. */
  write(offset: number, bytes: Uint8Array): void {
    const end = Math.min(offset + bytes.length, this.size);
    for (let at = offset; at < end; ) {
      const index = Math.floor(at / PAGE_BYTES);
      const stop = Math.min(end, (index + 1) * PAGE_BYTES);
      const page = this.#pages.get(index) ?? new Uint8Array(PAGE_BYTES);
      this.#pages.set(index, page);
      page.set(bytes.subarray(at - offset, stop - offset), at - index * PAGE_BYTES);
      at = stop;
    }
  }

  /** `length` bytes from `offset` on; zeros past the end. */
  read(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    const end = Math.min(offset + length, this.size);
    for (let at = offset; at < end; ) {
      const index = Math.floor(at / PAGE_BYTES);
      const stop = Math.min(end, (index + 1) * PAGE_BYTES);
      const page = this.#pages.get(index);
      if (page !== undefined)
        bytes.set(page.subarray(at - index * PAGE_BYTES, stop - index * PAGE_BYTES), at - offset);
      at = stop;
    }
    return bytes;
  }

  /** The whole disk. */
  bytes(): Uint8Array {
    return this.read(0, this.size);
  }
}
