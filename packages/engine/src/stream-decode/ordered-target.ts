// The decoded disk in its own order, for those who take it from start to end. Owns the frontier, up to which all has
// been handed out, and what has come ahead of it: in memory, or spilled.

import type { LongOptions } from "@qcow/block";
import type { Geometry } from "@qcow/format";
import type { Spill } from "../spill/spill.js";
import type { GuestTarget, L1Facts } from "./guest-target.js";

/** Takes the next bytes of the disk; they may be used again once it resolves. */
export type ChunkTaker = (chunk: Uint8Array) => Promise<void>;

const ZEROS_BYTES = 1024 * 1024;
/** What a table that waits takes beside its bits, about. */
const WAITING_BYTES = 256;

/** An L1 entry whose table is known, and which the frontier has not passed. */
interface Waiting {
  readonly data: Uint8Array;
  /** A bit for each cluster that has come. */
  readonly come: Uint8Array;
}

export interface OrderedTargetSetup {
  readonly take: ChunkTaker;
  readonly geometry: Geometry;
  readonly spill: Spill;
  readonly memoryBytes: number;
  /** Told of memory that `bytesPerTable` counted and that is free again. */
  readonly onPassed: (bytes: number) => void;
  readonly options: LongOptions;
}

export class OrderedTarget implements GuestTarget {
  readonly #setup: OrderedTargetSetup;
  readonly #geometry: Geometry;
  readonly #waiting = new Map<number, Waiting>();
  /** Clusters ahead of the frontier that are in memory; those that have come and are not here are spilled. */
  readonly #held = new Map<number, Uint8Array>();
  readonly #zeros = new Uint8Array(ZEROS_BYTES);
  #heldBytes = 0;
  #l1: L1Facts | undefined;
  /** Guest offset in bytes. */
  #frontier = 0;
  #handingOut: Promise<void> | undefined;

  constructor(setup: OrderedTargetSetup) {
    this.#setup = setup;
    this.#geometry = setup.geometry;
  }

  bytesPerTable(clusters: number): number {
    return WAITING_BYTES + Math.ceil(clusters / 4);
  }

  async begin(l1: L1Facts): Promise<void> {
    this.#l1 = l1;
    await this.#inTurn(() => this.#advance());
  }

  async plan(index: number, data: Uint8Array): Promise<void> {
    this.#waiting.set(index, { data: data.slice(), come: new Uint8Array(data.byteLength) });
    await this.#inTurn(() => this.#advance());
  }

  async write(guest: number, bytes: Uint8Array): Promise<void> {
    const whole = bytes.subarray(0, this.#geometry.virtualSize - guest);
    await this.#inTurn(async () => {
      this.#markAsCome(guest, whole.byteLength);
      if (guest !== this.#frontier) return await this.#hold(guest, whole);
      await this.#handOut(whole);
      await this.#advance();
    });
  }

  /** One after the other: so what comes while the taker is slow waits, and is not spilled. */
  async #inTurn(job: () => Promise<void>): Promise<void> {
    while (this.#handingOut !== undefined) await this.#handingOut.catch(() => undefined);
    this.#handingOut = job();
    try {
      await this.#handingOut;
    } finally {
      this.#handingOut = undefined;
    }
  }

  #markAsCome(guest: number, length: number): void {
    const { clusterSize, guestBytesPerL2 } = this.#geometry;
    for (let at = guest; at < guest + length; at += clusterSize) {
      const { come } = this.#waiting.get(Math.floor(at / guestBytesPerL2)) as Waiting;
      const entry = (at % guestBytesPerL2) / clusterSize;
      come[entry >>> 3] = (come[entry >>> 3] as number) | (1 << (entry & 7));
    }
  }

  async #hold(guest: number, bytes: Uint8Array): Promise<void> {
    const { spill, memoryBytes, options } = this.#setup;
    if (this.#heldBytes + bytes.byteLength > memoryBytes) {
      const backend = await spill.backend();
      return await backend.write(guest, bytes, { signal: options.signal });
    }
    const { clusterSize } = this.#geometry;
    for (let at = 0; at < bytes.byteLength; at += clusterSize)
      this.#held.set((guest + at) / clusterSize, bytes.slice(at, at + clusterSize));
    this.#heldBytes += bytes.byteLength;
  }

  /** Hands out all that is known from the frontier on. */
  async #advance(): Promise<void> {
    const { guestBytesPerL2, virtualSize } = this.#geometry;
    const l1 = this.#l1 as L1Facts;
    while (this.#frontier < virtualSize) {
      const index = Math.floor(this.#frontier / guestBytesPerL2);
      const end = Math.min((index + 1) * guestBytesPerL2, virtualSize);
      const waiting = this.#waiting.get(index);
      if (l1.offsetOf(index) === 0) await this.#handOutZeros(end);
      else if (waiting === undefined) return;
      else await this.#advanceWithin(waiting, index * guestBytesPerL2, end);
      if (this.#frontier < end) return;
    }
  }

  async #advanceWithin({ data, come }: Waiting, base: number, end: number): Promise<void> {
    const { clusterSize } = this.#geometry;
    while (this.#frontier < end) {
      let entry = Math.floor((this.#frontier - base) / clusterSize);
      if (hasBit(data, entry)) {
        if (!hasBit(come, entry)) return;
        await this.#handOutHeld(end);
        continue;
      }
      while (base + entry * clusterSize < end && !hasBit(data, entry)) entry++;
      await this.#handOutZeros(Math.min(end, base + entry * clusterSize));
    }
  }

  async #handOutHeld(end: number): Promise<void> {
    const cluster = this.#frontier / this.#geometry.clusterSize;
    const held = this.#held.get(cluster);
    if (held !== undefined) {
      this.#held.delete(cluster);
      this.#heldBytes -= held.byteLength;
      return await this.#handOut(held);
    }
    const bytes = new Uint8Array(Math.min(this.#geometry.clusterSize, end - this.#frontier));
    const backend = await this.#setup.spill.backend();
    await backend.read(this.#frontier, bytes, { signal: this.#setup.options.signal });
    await this.#handOut(bytes);
  }

  async #handOutZeros(end: number): Promise<void> {
    while (this.#frontier < end) await this.#handOut(this.#zeros.subarray(0, end - this.#frontier));
  }

  async #handOut(bytes: Uint8Array): Promise<void> {
    const { guestBytesPerL2, virtualSize } = this.#geometry;
    const { take, options, onPassed } = this.#setup;
    options.signal?.throwIfAborted();
    await take(bytes);
    const before = Math.floor(this.#frontier / guestBytesPerL2);
    this.#frontier += bytes.byteLength;
    const after = this.#frontier === virtualSize ? before + 1 : Math.floor(this.#frontier / guestBytesPerL2);
    for (let index = before; index < after; index++)
      if (this.#waiting.delete(index)) onPassed(this.bytesPerTable(this.#geometry.l2Entries));
    options.onProgress?.({ done: this.#frontier, total: virtualSize });
  }

  async finish(): Promise<void> {
    if (this.#geometry.virtualSize === 0) this.#setup.options.onProgress?.({ done: 0, total: 0 });
  }

  async close(): Promise<void> {
    await this.#setup.spill.close();
  }
}

function hasBit(bits: Uint8Array, index: number): boolean {
  return (((bits[index >>> 3] ?? 0) >>> (index & 7)) & 1) === 1;
}
