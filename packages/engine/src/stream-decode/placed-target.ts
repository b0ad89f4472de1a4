// The decoded disk in a file or a block device: contents are written where they belong, whenever they come. Owns holes
// in files, and the zeros that a device needs.

import type { BlockBackend, LongOptions } from "@qcow/block";
import type { Geometry } from "@qcow/format";
import { findData } from "../decode/find-data.js";
import type { GuestTarget, L1Facts } from "./guest-target.js";

const ZEROS_BYTES = 1024 * 1024;

export class PlacedTarget implements GuestTarget {
  readonly #backend: BlockBackend;
  readonly #geometry: Geometry;
  readonly #sparse: boolean;
  readonly #options: LongOptions;
  #zeros: Uint8Array | undefined;
  #done = 0;

  constructor(backend: BlockBackend, geometry: Geometry, sparse: boolean, options: LongOptions) {
    this.#backend = backend;
    this.#geometry = geometry;
    this.#sparse = sparse;
    this.#options = options;
  }

  bytesPerTable(): number {
    return 0;
  }

  async begin(l1: L1Facts): Promise<void> {
    const { virtualSize, guestBytesPerL2 } = this.#geometry;
    if (this.#sparse) {
      await this.#backend.resize(0, this.#options);
      await this.#backend.resize(virtualSize, this.#options);
    }
    for (let index = 0; index < l1.count; index++) {
      if (l1.offsetOf(index) !== 0) continue;
      let end = index + 1;
      while (end < l1.count && l1.offsetOf(end) === 0) end++;
      await this.#zero(index * guestBytesPerL2, end * guestBytesPerL2);
      index = end - 1;
    }
  }

  async plan(index: number, data: Uint8Array, dataClusters: number): Promise<void> {
    const { guestBytesPerL2, clusterSize, virtualSize } = this.#geometry;
    const base = index * guestBytesPerL2;
    const length = Math.min(guestBytesPerL2, virtualSize - base);
    if (this.#sparse) return this.#report(Math.max(0, length - dataClusters * clusterSize));
    const count = Math.ceil(length / clusterSize);
    for (let first = 0; first < count; first++) {
      if (hasBit(data, first)) continue;
      let end = first + 1;
      while (end < count && !hasBit(data, end)) end++;
      await this.#zero(base + first * clusterSize, base + end * clusterSize);
      first = end;
    }
  }

  async write(guest: number, bytes: Uint8Array): Promise<void> {
    const whole = bytes.subarray(0, this.#geometry.virtualSize - guest);
    const ranges = this.#sparse ? findData(whole) : [{ start: 0, end: whole.byteLength }];
    const { signal } = this.#options;
    for (const { start, end } of ranges)
      await this.#backend.write(guest + start, whole.subarray(start, end), { signal });
    this.#report(whole.byteLength);
  }

  async #zero(start: number, pastEnd: number): Promise<void> {
    const end = Math.min(pastEnd, this.#geometry.virtualSize);
    if (!this.#sparse) {
      this.#zeros ??= new Uint8Array(ZEROS_BYTES);
      const { signal } = this.#options;
      for (let at = start; at < end; at += ZEROS_BYTES)
        await this.#backend.write(at, this.#zeros.subarray(0, end - at), { signal });
    }
    this.#report(end - start);
  }

  #report(length: number): void {
    const total = this.#geometry.virtualSize;
    this.#done = Math.min(total, this.#done + length);
    this.#options.onProgress?.({ done: this.#done, total });
  }

  async finish(): Promise<void> {
    if (this.#geometry.virtualSize === 0) this.#report(0);
  }

  async close(): Promise<void> {}
}

function hasBit(bits: Uint8Array, index: number): boolean {
  return (((bits[index >>> 3] ?? 0) >>> (index & 7)) & 1) === 1;
}
