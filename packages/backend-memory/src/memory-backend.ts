// A disk in memory, sparse, for tests and for images that are built before they go anywhere. Owns
// the rules of the contract (ranges, closing, short reads); where the bytes lie is disk-contents' business.

import { BackendError, type BlockBackend, checkRange, type DataRange, type IoOptions } from "@qcow/block";
import { DiskContents } from "./disk-contents.js";

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
 * order of the calls. `flush` has nothing to do; faults are `FaultyBackend`'s, crashes are `CrashingBackend`'s.
 */
export class MemoryBackend implements BlockBackend {
  readonly label: string;
  readonly identity: string;
  #contents: DiskContents;
  #closed = false;

  /** Throws `BACKEND_BAD_RANGE` for a size that is none. */
  constructor(options: MemoryBackendOptions = {}) {
    created += 1;
    this.label = options.label ?? "memory";
    this.identity = options.identity ?? `memory:${created}`;
    this.#contents = new DiskContents(options.size ?? 0);
    checkRange(this.#contents.size, 0, this.label);
  }

  /** A backend that holds a copy of `bytes`. */
  static fromBytes(bytes: Uint8Array, options: Omit<MemoryBackendOptions, "size"> = {}): MemoryBackend {
    const backend = new MemoryBackend({ ...options, size: bytes.length });
    backend.#contents.write(0, bytes);
    return backend;
  }

  /** A backend that has `contents` for its own. @internal */
  static ofContents(contents: DiskContents, options: Omit<MemoryBackendOptions, "size"> = {}): MemoryBackend {
    const backend = new MemoryBackend(options);
    backend.#contents = contents;
    return backend;
  }

  /** Bytes and length. @internal */
  get contents(): DiskContents {
    return this.#contents;
  }

  /** Bytes of memory that the contents take: how sparse it is. */
  get allocatedBytes(): number {
    return this.#contents.allocatedBytes;
  }

  /**
   * An open backend with a copy of the present contents, even when this one is closed. Takes time in proportion to the
   * number of pages, not to their bytes, which both share until one of them writes.
   */
  snapshot(options: Omit<MemoryBackendOptions, "size"> = {}): MemoryBackend {
    return MemoryBackend.ofContents(this.#contents.clone(), { label: this.label, ...options });
  }

  /** A copy of the bytes from `offset` on, at most `length` of them and none past the end; even when closed. */
  toBytes(offset = 0, length = Number.MAX_SAFE_INTEGER - offset): Uint8Array {
    checkRange(offset, length, this.label);
    return this.#contents.copyOf(offset, length);
  }

  async size(options?: IoOptions): Promise<number> {
    this.#enter(0, 0, options);
    return this.#contents.size;
  }

  async read(offset: number, target: Uint8Array, options?: IoOptions): Promise<void> {
    this.#enter(offset, target.length, options);
    if (!this.#contents.holds(offset, target.length))
      throw shortRead(this.label, offset, target.length, this.#contents.size);
    this.#contents.read(offset, target);
  }

  async write(offset: number, source: Uint8Array, options?: IoOptions): Promise<void> {
    this.#enter(offset, source.length, options);
    this.#contents.write(offset, source);
  }

  async resize(size: number, options?: IoOptions): Promise<void> {
    this.#enter(size, 0, options);
    this.#contents.resize(size);
  }

  async flush(options?: IoOptions): Promise<void> {
    this.#enter(0, 0, options);
  }

  async discard(offset: number, length: number, options?: IoOptions): Promise<void> {
    this.#enter(offset, length, options);
    this.#contents.discard(offset, length);
  }

  async allocate(offset: number, length: number, options?: IoOptions): Promise<void> {
    this.#enter(offset, length, options);
    this.#contents.allocate(offset, length);
  }

  async nextData(offset: number, options?: IoOptions): Promise<DataRange | undefined> {
    this.#enter(offset, 0, options);
    return this.#contents.nextData(offset);
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
}

/** The error of a read that goes past the end. @internal */
export function shortRead(label: string, offset: number, length: number, size: number): BackendError {
  const message = `${label}: read of ${length} bytes at ${offset} goes past the end at ${size}`;
  return new BackendError("BACKEND_SHORT_READ", message, { label, offset, length });
}
