// A disk that can lose power: it remembers what was durable at the last flush and every change since. Owns what a
// flush covers, and when operations take effect; which changes a crash leaves is crash-fate's business.

import { BackendError, type BlockBackend, checkRange, type DataRange, type IoOptions } from "@qcow/block";
import { applyChange, applyRemains, type Change, type RandomBits } from "./crash-fate.js";
import type { DiskContents } from "./disk-contents.js";
import { MemoryBackend, shortRead } from "./memory-backend.js";

/** An operation that was called and has not taken effect. */
export interface HeldOperation {
  readonly kind: "read" | "write" | "resize" | "flush" | "discard" | "allocate";
  readonly label: string;
  /** In bytes; for `resize` the new length, for `flush` 0. */
  readonly offset: number;
  readonly length: number;
}

export interface CrashingBackendOptions {
  /** What messages call it; the label of the disk it starts with when absent. */
  readonly label?: string | undefined;
  /** Equal identities mean the same bytes; that of the disk it starts with when absent. */
  readonly identity?: string | undefined;
  /**
   * Called when an operation is; it takes effect, and resolves, when the promise does, and fails with it. So the
   * caller decides in which order operations that are under way together end. At once when absent.
   */
  readonly hold?: ((operation: HeldOperation) => Promise<void>) | undefined;
}

/** A change that is under way, and how many were done when it was called. */
interface InFlight {
  readonly change: Change;
  readonly after: number;
}

/**
 * A disk in memory whose changes are lost in a crash unless a flush has covered them. A flush covers what had taken
 * effect when it was called. Reads see every change that has taken effect.
 */
export class CrashingBackend implements BlockBackend {
  readonly label: string;
  readonly identity: string | undefined;
  /** What reads see. */
  readonly #contents: DiskContents;
  /** What was durable at the last flush. */
  readonly #durable: DiskContents;
  /** Changes since, in the order in which they took effect; the first of them is number `#flushed`. */
  #log: Change[] = [];
  #flushed = 0;
  readonly #inFlight = new Set<InFlight>();
  readonly #hold: ((operation: HeldOperation) => Promise<void>) | undefined;
  #closed = false;

  /** Starts with a copy of `disk`, all of it durable. */
  constructor(disk: MemoryBackend, options: CrashingBackendOptions = {}) {
    this.label = options.label ?? disk.label;
    this.identity = options.identity ?? disk.identity;
    this.#contents = disk.contents.clone();
    this.#durable = disk.contents.clone();
    this.#hold = options.hold;
  }

  /** How many changes no flush has covered, those under way included. */
  get unflushed(): number {
    return this.#log.length + this.#inFlight.size;
  }

  /**
   * A disk as it may be found after a power loss at this moment: what is durable, and of every other change (also of
   * those under way) all, nothing, or some sectors of 512 bytes. Where several changes met, any may have won, mostly
   * the last. Nothing changes here: the next crash is another possible outcome.
   */
  crash(bits: RandomBits): MemoryBackend {
    const disk = this.#durable.clone();
    applyRemains(disk, this.#possibleOrder(bits), bits);
    return MemoryBackend.ofContents(disk, { label: this.label, identity: this.identity });
  }

  /** A disk with what reads see at this moment: as after the end of the process, not of the machine. */
  snapshot(): MemoryBackend {
    return MemoryBackend.ofContents(this.#contents.clone(), { label: this.label, identity: this.identity });
  }

  async size(options?: IoOptions): Promise<number> {
    this.#enter(0, 0, options);
    return this.#contents.size;
  }

  async read(offset: number, target: Uint8Array, options?: IoOptions): Promise<void> {
    this.#enter(offset, target.length, options);
    await this.#held("read", offset, target.length);
    if (!this.#contents.holds(offset, target.length))
      throw shortRead(this.label, offset, target.length, this.#contents.size);
    this.#contents.read(offset, target);
  }

  async write(offset: number, source: Uint8Array, options?: IoOptions): Promise<void> {
    this.#enter(offset, source.length, options);
    if (source.length === 0) return;
    await this.#change({ kind: "write", offset, bytes: source.slice() }, offset, source.length);
  }

  async resize(size: number, options?: IoOptions): Promise<void> {
    this.#enter(size, 0, options);
    await this.#change({ kind: "resize", size }, size, 0);
  }

  async flush(options?: IoOptions): Promise<void> {
    this.#enter(0, 0, options);
    const covered = this.#flushed + this.#log.length;
    await this.#held("flush", 0, 0);
    const count = covered - this.#flushed;
    // Another flush may have covered as much meanwhile.
    if (count <= 0) return;
    for (const change of this.#log.slice(0, count)) applyChange(this.#durable, change);
    this.#log = this.#log.slice(count);
    this.#flushed = covered;
  }

  async discard(offset: number, length: number, options?: IoOptions): Promise<void> {
    this.#enter(offset, length, options);
    await this.#change({ kind: "discard", offset, length }, offset, length);
  }

  async allocate(offset: number, length: number, options?: IoOptions): Promise<void> {
    this.#enter(offset, length, options);
    await this.#change({ kind: "allocate", offset, length }, offset, length);
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

  async #change(change: Change, offset: number, length: number): Promise<void> {
    const inFlight = { change, after: this.#flushed + this.#log.length };
    this.#inFlight.add(inFlight);
    try {
      await this.#held(change.kind, offset, length);
      applyChange(this.#contents, change);
      this.#log.push(change);
    } finally {
      this.#inFlight.delete(inFlight);
    }
  }

  async #held(kind: HeldOperation["kind"], offset: number, length: number): Promise<void> {
    await this.#hold?.({ kind, label: this.label, offset, length });
  }

  /** The changes that no flush covered; one under way may come anywhere after what was done when it was called. */
  #possibleOrder(bits: RandomBits): Change[] {
    const order: Change[] = [...this.#log];
    const placed = [...this.#inFlight].map(({ change, after }) => {
      const first = Math.max(0, after - this.#flushed);
      return { change, at: first + (bits() % (this.#log.length - first + 1)) };
    });
    placed.sort((a, b) => b.at - a.at);
    for (const { change, at } of placed) order.splice(at, 0, change);
    return order;
  }

  #enter(offset: number, length: number, options: IoOptions | undefined): void {
    if (this.#closed) {
      throw new BackendError("BACKEND_CLOSED", `${this.label}: used after close`, { label: this.label });
    }
    checkRange(offset, length, this.label);
    options?.signal?.throwIfAborted();
  }
}
