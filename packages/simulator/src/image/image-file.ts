// An image as bytes that can be laid out by hand. Owns the place at its end where new structures go; knows no structure.

export class ImageFile {
  /** With room for more behind `#length`, all zero. */
  #bytes: Uint8Array<ArrayBuffer>;
  #length: number;
  readonly clusterSize: number;

  constructor(bytes: Uint8Array, clusterSize: number) {
    this.#length = Math.ceil(bytes.length / clusterSize) * clusterSize;
    this.#bytes = new Uint8Array(this.#length);
    this.#bytes.set(bytes);
    this.clusterSize = clusterSize;
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  get view(): DataView {
    return new DataView(this.#bytes.buffer);
  }

  get clusters(): number {
    return this.#length / this.clusterSize;
  }

  /** Adds zeroed clusters for `length` bytes, at least one, and gives the offset of the first. */
  append(length: number): number {
    const offset = this.#length;
    this.#length += Math.max(1, Math.ceil(length / this.clusterSize)) * this.clusterSize;
    if (this.#length > this.#bytes.length) {
      const longer = new Uint8Array(this.#length + Math.floor(this.#length / 2));
      longer.set(this.#bytes);
      this.#bytes = longer;
    }
    return offset;
  }

  put(offset: number, bytes: Uint8Array): void {
    this.#bytes.set(bytes, offset);
  }

  /** Adds `bytes` in clusters of their own, and gives their offset. */
  appendBytes(bytes: Uint8Array): number {
    const offset = this.append(bytes.length);
    this.put(offset, bytes);
    return offset;
  }
}
