// The plainest backend that conforms, for the tests of this package: one array that is copied on
// every change of length. Parts of it are overridden to see that the suite notices.

import { BackendError, type BlockBackend, checkRange, type DataRange, type IoOptions } from "@qcow/block";

export class ArrayBackend implements BlockBackend {
  readonly label = "array";
  readonly identity = "array:1";
  bytes = new Uint8Array(0);
  isClosed = false;

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.bytes = bytes.slice();
  }

  async size(options?: IoOptions): Promise<number> {
    this.enter(0, 0, options);
    return this.bytes.length;
  }

  async read(offset: number, target: Uint8Array, options?: IoOptions): Promise<void> {
    this.enter(offset, target.length, options);
    if (target.length > 0 && offset + target.length > this.bytes.length) {
      throw new BackendError("BACKEND_SHORT_READ", "array: short read", { label: this.label, offset });
    }
    target.set(this.bytes.subarray(offset, offset + target.length));
  }

  async write(offset: number, source: Uint8Array, options?: IoOptions): Promise<void> {
    this.enter(offset, source.length, options);
    if (source.length === 0) return;
    this.setLength(Math.max(this.bytes.length, offset + source.length));
    this.bytes.set(source, offset);
  }

  async resize(size: number, options?: IoOptions): Promise<void> {
    this.enter(size, 0, options);
    this.setLength(size);
  }

  async flush(options?: IoOptions): Promise<void> {
    this.enter(0, 0, options);
  }

  async discard(offset: number, length: number, options?: IoOptions): Promise<void> {
    this.enter(offset, length, options);
    this.bytes.fill(0, offset, offset + length);
  }

  async allocate(offset: number, length: number, options?: IoOptions): Promise<void> {
    this.enter(offset, length, options);
    if (length > 0) this.setLength(Math.max(this.bytes.length, offset + length));
  }

  /** To the byte: the smallest ranges that the contract allows. */
  async nextData(offset: number, options?: IoOptions): Promise<DataRange | undefined> {
    this.enter(offset, 0, options);
    const start = this.bytes.findIndex((byte, index) => index >= offset && byte !== 0);
    if (start === -1) return undefined;
    const zero = this.bytes.indexOf(0, start);
    return { start, end: zero === -1 ? this.bytes.length : zero };
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  setLength(length: number): void {
    const bytes = new Uint8Array(length);
    bytes.set(this.bytes.subarray(0, length));
    this.bytes = bytes;
  }

  enter(offset: number, length: number, options: IoOptions | undefined): void {
    if (this.isClosed) throw new BackendError("BACKEND_CLOSED", "array: closed");
    checkRange(offset, length, this.label);
    options?.signal?.throwIfAborted();
  }
}
