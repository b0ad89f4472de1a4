// Writes refcount blocks one after the other, neighbours in the file with one write. Owns the buffer and the
// encoding; which refcounts is target-refcounts.ts.

import type { BlockBackend, IoOptions } from "@qcow/block";
import { type Geometry, setRefcountAt } from "@qcow/format";
import type { TargetRefcounts } from "./target-refcounts.js";

const BUFFER_BYTES = 2 * 1024 * 1024;

export class BlockWriter {
  readonly #backend: BlockBackend;
  readonly #geometry: Geometry;
  readonly #target: TargetRefcounts;
  readonly #options: IoOptions;
  readonly #buffer: Uint8Array;
  #start = 0;
  #length = 0;
  /** Blocks written so far. */
  count = 0;

  constructor(backend: BlockBackend, geometry: Geometry, target: TargetRefcounts, options: IoOptions) {
    this.#backend = backend;
    this.#geometry = geometry;
    this.#target = target;
    this.#options = options;
    this.#buffer = new Uint8Array(Math.max(BUFFER_BYTES, geometry.clusterSize));
  }

  /**
   * Writes block `index` at `offset`. Refcounts of clusters that the file does not have are those of `old`, the
   * contents until now, or 0.
   */
  async write(index: number, offset: number, old?: Uint8Array): Promise<void> {
    const { clusterSize, refcountBits, refcountBlockEntries } = this.#geometry;
    const block = await this.#place(offset, clusterSize);
    if (old !== undefined) block.set(old);
    const view = new DataView(block.buffer, block.byteOffset, clusterSize);
    const first = index * refcountBlockEntries;
    const end = first + refcountBlockEntries;
    if (old !== undefined) {
      const known = Math.min(end, this.#target.size);
      for (let cluster = first; cluster < known; cluster++)
        setRefcountAt(view, cluster - first, refcountBits, 0);
    }
    this.#target.store(first, end, (cluster, refcount) => {
      setRefcountAt(view, cluster - first, refcountBits, refcount);
    });
    this.count++;
  }

  /** Writes `bytes` at `offset`, which may follow a block. */
  async append(offset: number, bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength; at += BUFFER_BYTES) {
      const part = bytes.subarray(at, at + BUFFER_BYTES);
      (await this.#place(offset + at, part.byteLength)).set(part);
    }
  }

  /** Hands what is in the buffer to the backend. */
  async finish(): Promise<void> {
    if (this.#length === 0) return;
    this.#options.signal?.throwIfAborted();
    const bytes = this.#buffer.subarray(0, this.#length);
    this.#length = 0;
    await this.#backend.write(this.#start, bytes);
  }

  // Room for `length` bytes at `offset`, all zero.
  async #place(offset: number, length: number): Promise<Uint8Array> {
    const follows = offset === this.#start + this.#length;
    if (!follows || this.#length + length > this.#buffer.byteLength) await this.finish();
    if (this.#length === 0) this.#start = offset;
    const place = this.#buffer.subarray(this.#length, this.#length + length);
    this.#length += length;
    return place.fill(0);
  }
}
