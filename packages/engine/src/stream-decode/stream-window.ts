// The part of the stream that is in memory as it lies in the file. Owns the slabs it is read into, and that a slab is
// not filled again before everything that uses its bytes has ended.

import { longBuffer } from "@qcow/block";
import type { ByteSource } from "../byte-source.js";

/** Slabs: one is filled while the contents of the others are written. */
const SLABS = 3;
const SLAB_BYTES = 2 * 1024 * 1024;
/** Clusters past the one that is looked at: a compressed cluster that begins in it may reach so far. */
export const LOOKAHEAD_CLUSTERS = 2;
/** Clusters that a slab has room for at least: what is ahead, and as many again. */
const SLAB_CLUSTERS_MIN = 2 * LOOKAHEAD_CLUSTERS + 2;

export class StreamWindow {
  /** Where the window begins in the file: the start of a cluster. */
  start = 0;
  /** Where it ends. */
  end = 0;
  /** Whether the stream ends there. */
  ended = false;
  /** What uses bytes of the window: whoever hands them on adds a promise that settles when they are not needed any more. */
  work: Promise<void>[] = [];
  readonly #source: ByteSource;
  readonly #clusterSize: number;
  readonly #slabs: { readonly bytes: Uint8Array; work: Promise<void>[] }[];
  #current = 0;

  /** `head` are the bytes that have been read already. */
  constructor(source: ByteSource, head: Uint8Array, clusterSize: number) {
    this.#source = source;
    this.#clusterSize = clusterSize;
    const room = Math.max(SLAB_BYTES, SLAB_CLUSTERS_MIN * clusterSize, head.byteLength);
    const length = Math.ceil(room / clusterSize) * clusterSize;
    this.#slabs = Array.from({ length: SLABS }, () => ({ bytes: longBuffer(length), work: [] }));
    this.#bytes.set(head);
    this.end = head.byteLength;
    this.work = this.#slab.work;
  }

  get #slab(): { readonly bytes: Uint8Array; work: Promise<void>[] } {
    return this.#slabs[this.#current] as { bytes: Uint8Array; work: Promise<void>[] };
  }

  get #bytes(): Uint8Array {
    return this.#slab.bytes;
  }

  /** The bytes `[start, end)` of the file, which the window has; valid until what is in `work` has settled. */
  slice(start: number, end: number): Uint8Array {
    return this.#bytes.subarray(start - this.start, end - this.start);
  }

  /** Reads on until the window is full, or the stream has ended; then the rest of the last cluster is zero. */
  async fill(): Promise<void> {
    const room = this.#bytes.subarray(this.end - this.start);
    const count = await this.#source.read(room);
    this.end += count;
    if (count === room.byteLength) return;
    this.ended = true;
    const used = this.end - this.start;
    this.#bytes.fill(0, used, Math.ceil(used / this.#clusterSize) * this.#clusterSize);
  }

  /** Moves the window on to `start`, the beginning of a cluster in it or its end. */
  async moveTo(start: number): Promise<void> {
    const rest = this.slice(start, this.end);
    this.#current = (this.#current + 1) % SLABS;
    const next = this.#slab;
    await Promise.all(next.work);
    next.work = [];
    next.bytes.set(rest);
    this.start = start;
    this.work = next.work;
  }
}
