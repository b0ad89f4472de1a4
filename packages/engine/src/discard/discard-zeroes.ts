// Releases the clusters of an image that hold nothing but zeros. Owns the pipeline: what is stored is read in large
// pieces, several at once, and runs of clusters that are all zero are discarded.

import { type LongOptions, longBuffer, yieldToHost } from "@qcow/block";
import { isAllZero } from "../decode/find-data.js";
import type { Qcow2Image } from "../qcow2-image.js";
import { isStored, planStoredSteps, type StoredStep } from "./plan-steps.js";

/** Steps under way at once. */
const STEPS_IN_FLIGHT = 6;

export interface DiscardedZeroes {
  /** Bytes of the disk that were stored in the image before, and are not any more. */
  readonly bytes: number;
}

/**
 * Discards every cluster of `image` that reads as zero and takes space, compressed ones too. The disk reads as before.
 * Clusters of a backing file are not looked at; in version 2, clusters that hide something of a backing file stay.
 * Progress is in bytes of the disk. Nobody may write to the image meanwhile: it would be lost. Nothing is flushed.
 */
export async function discardZeroes(image: Qcow2Image, options: LongOptions = {}): Promise<DiscardedZeroes> {
  const before = await storedBytes(image, options);
  if (await new ZeroDiscarder(image, options).run()) {
    return { bytes: before - (await storedBytes(image, options)) };
  }
  return { bytes: 0 };
}

async function storedBytes(image: Qcow2Image, { signal }: LongOptions): Promise<number> {
  let bytes = 0;
  for await (const batch of image.mapBatches({}, { signal })) {
    for (let index = 0; index < batch.count; index++) {
      if (isStored(batch, index)) bytes += batch.length[index] as number;
    }
  }
  return bytes;
}

class ZeroDiscarder {
  readonly #image: Qcow2Image;
  readonly #options: LongOptions;
  readonly #clusterSize: number;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  #found = false;
  #done = 0;

  constructor(image: Qcow2Image, options: LongOptions) {
    this.#image = image;
    this.#options = options;
    this.#clusterSize = image.metadata.geometry.clusterSize;
    const { signal } = options;
    this.#signal = signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal]);
  }

  /** Resolves with whether anything was to be discarded. */
  async run(): Promise<boolean> {
    const { virtualSize, preferredReadBytes } = this.#image;
    const steps = planStoredSteps(this.#image.mapBatches({}, { signal: this.#signal }), {
      clusterSize: this.#clusterSize,
      stepBytes: preferredReadBytes,
      virtualSize,
    });
    const workers = Array.from({ length: STEPS_IN_FLIGHT }, () => this.#work(steps));
    for (const result of await Promise.allSettled(workers)) {
      if (result.status === "rejected") throw this.#options.signal?.reason ?? this.#stop.signal.reason;
    }
    this.#options.onProgress?.({ done: virtualSize, total: virtualSize });
    return this.#found;
  }

  async #work(steps: AsyncGenerator<StoredStep, void, void>): Promise<void> {
    let buffer: Uint8Array | undefined;
    try {
      for (let step = await steps.next(); step.done !== true; step = await steps.next()) {
        this.#signal.throwIfAborted();
        buffer ??= longBuffer(this.#image.preferredReadBytes);
        await this.#look(step.value, buffer.subarray(0, step.value.end - step.value.start));
        // Zeros that need no reading would otherwise let nobody else have a turn.
        await yieldToHost();
      }
    } catch (error) {
      this.#stop.abort(error);
      throw error;
    }
  }

  async #look(step: StoredStep, bytes: Uint8Array): Promise<void> {
    const options = { signal: this.#signal };
    await this.#image.read(step.start, bytes, options);
    for (let start = 0; start < bytes.byteLength; ) {
      let end = start;
      while (end < bytes.byteLength && this.#isZeroCluster(bytes, end)) end += this.#clusterSize;
      if (end === start) {
        start += this.#clusterSize;
        continue;
      }
      const length = Math.min(end, bytes.byteLength) - start;
      this.#found = true;
      await this.#image.discard(step.start + start, length, options);
      start = end;
    }
    this.#report(step.end);
  }

  #isZeroCluster(bytes: Uint8Array, start: number): boolean {
    return isAllZero(bytes.subarray(start, start + this.#clusterSize));
  }

  // Steps end out of order; what is told only grows.
  #report(done: number): void {
    if (done <= this.#done || done >= this.#image.virtualSize) return;
    this.#done = done;
    this.#options.onProgress?.({ done, total: this.#image.virtualSize });
  }
}
