// A disk in memory, sparse, for tests and for images that are built before they go anywhere. Owns
// the rules of the contract (ranges, closing, length); where the bytes lie is sparse-pages' business.

import { BackendError, type BlockBackend, checkRange, type DataRange, type IoOptions } from "@qcow/block";
import { SparsePages } from "./sparse-pages.js";

export interface MemoryBackendOptions {
  /** What messages call it; "memory" when absent. */
  readonly label?: string | undefined;
  /** Equal identities mean the same bytes; unique to each backend when absent. */
  readonly identity?: string | undefined;
  /** Length in bytes at the start, all zero; 0 when absent. */
  readonly size?: number | undefined;
}

let created = 0;

/**
 * Sparse bytes in memory, at offsets up to 2^53 - 1. Every operation takes effect when it is called, in the
 * order of the calls. `flush` has nothing to do; faults and crashes are `FaultyBackend`'s.
 */
export class MemoryBackend implements BlockBackend {
  readonly label: string;
  readonly identity: string;
  #pages = new SparsePages();
  #size: number;
  #closed = false;

  /** Throws `BACKEND_BAD_RANGE` for a size that is none. */
  constructor(options: MemoryBackendOptions = {}) {
    created += 1;
    this.label = options.label ?? "memory";
    this.identity = options.identity ?? `memory:${created}`;
    this.#size = options.size ?? 0;
    checkRange(this.#size, 0, this.label);
  }

  /** A backend that holds a copy of `bytes`. */
  static fromBytes(bytes: Uint8Array, options: Omit<MemoryBackendOptions, "size"> = {}): MemoryBackend {
    const backend = new MemoryBackend({ ...options, size: bytes.length });
    backend.#pages.write(0, bytes);
    return backend;
  }

  /** Bytes of memory that the contents take: how sparse it is. */
  get allocatedBytes(): number {
    return this.#pages.allocatedBytes;
  }

  /** An open backend with a copy of the present contents, even when this one is closed. */
  snapshot(options: Omit<MemoryBackendOptions, "size"> = {}): MemoryBackend {
    const copy = new MemoryBackend({ label: this.label, ...options, size: this.#size });
    copy.#pages = this.#pages.clone();
    return copy;
  }

  /** A copy of the bytes from `offset` on, at most `length` of them and none past the end; even when closed. */
  toBytes(offset = 0, length = Number.MAX_SAFE_INTEGER - offset): Uint8Array {
    checkRange(offset, length, this.label);
    const bytes = new Uint8Array(Math.max(Math.min(length, this.#size - offset), 0));
    this.#pages.read(offset, bytes);
    return bytes;
  }

  async size(options?: IoOptions): Promise<number> {
    this.#enter(0, 0, options);
    return this.#size;
  }

  async read(offset: number, target: Uint8Array, options?: IoOptions): Promise<void> {
    this.#enter(offset, target.length, options);
    if (target.length > 0 && offset + target.length > this.#size)
      throw this.#shortRead(offset, target.length);
    this.#pages.read(offset, target);
  }

  async write(offset: number, source: Uint8Array, options?: IoOptions): Promise<void> {
    this.#enter(offset, source.length, options);
    if (source.length === 0) return;
    this.#pages.write(offset, source);
    this.#size = Math.max(this.#size, offset + source.length);
  }

  async resize(size: number, options?: IoOptions): Promise<void> {
    this.#enter(size, 0, options);
    if (size < this.#size) this.#pages.clear(size, this.#size - size);
    this.#size = size;
  }

  async flush(options?: IoOptions): Promise<void> {
    this.#enter(0, 0, options);
  }

  async discard(offset: number, length: number, options?: IoOptions): Promise<void> {
    this.#enter(offset, length, options);
    this.#pages.clear(offset, length);
  }

  async allocate(offset: number, length: number, options?: IoOptions): Promise<void> {
    this.#enter(offset, length, options);
    // Memory is not reserved: a write takes what it needs.
    if (length > 0) this.#size = Math.max(this.#size, offset + length);
  }

  async nextData(offset: number, options?: IoOptions): Promise<DataRange | undefined> {
    this.#enter(offset, 0, options);
    const range = this.#pages.nextPages(offset);
    // Only the last page may reach past the end, and a page past it there is none.
    return range && offset < this.#size ? { ...range, end: Math.min(range.end, this.#size) } : undefined;
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #enter(offset: number, length: number, options: IoOptions | undefined): void {
    if (this.#closed) {
      throw new BackendError("BACKEND_CLOSED", `${this.label}: used after close`, { label: this.label });
    }
    checkRange(offset, length, this.label);
    options?.signal?.throwIfAborted();
  }

  #shortRead(offset: number, length: number): BackendError {
    const { label } = this;
    const message = `${label}: read of ${length} bytes at ${offset} goes past the end at ${this.#size}`;
    return new BackendError("BACKEND_SHORT_READ", message, { label, offset, length });
  }
}
