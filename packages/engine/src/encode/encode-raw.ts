// Copies a raw disk into an image. Zeros become holes: whole clusters of them are not written. Owns the pipeline:
// one step is read while another is stored, and they are stored in the order of the disk, so that the image lies in that order too.

import { type LongOptions, longBuffer, type ReadableBlockBackend, yieldToHost } from "@qcow/block";
import { isAllZero } from "../decode/find-data.js";
import { EngineError } from "../engine-error.js";
import type { Qcow2Image } from "../qcow2-image.js";
import { type EncodeStep, planEncodeSteps } from "./plan-steps.js";

/** Steps under way at once. */
const STEPS_IN_FLIGHT = 2;
/** Bytes of a step: as long as the largest cluster. A step costs little beside them, and longer ones are in no processor's cache. */
const STEP_BYTES = 2 * 1024 * 1024;
/** Bytes of a step that is compressed: enough to keep all processors busy until its end. */
const COMPRESSED_STEP_BYTES = 8 * 1024 * 1024;

export interface EncodeOptions extends LongOptions {
  /** Whether clusters are stored compressed, by the method of the image. */
  readonly compress?: boolean | undefined;
}

/**
 * Copies `source`, a raw disk, into `image`, whose own disk must be at least as long; what lies behind the end of
 * `source` stays. Holes of `source` are not read where the host can tell. Progress is in bytes of `source`. Rejects
 * `QCOW2_OUT_OF_RANGE` when the disk does not fit. Nothing is flushed.
 */
export async function encodeRaw(
  source: ReadableBlockBackend,
  image: Qcow2Image,
  options: EncodeOptions = {},
): Promise<void> {
  const size = await source.size(options);
  if (size > image.virtualSize) throw tooLong(source.label, size, image.virtualSize);
  await new Encoder(source, image, size, options).run();
}

class Encoder {
  readonly #source: ReadableBlockBackend;
  readonly #image: Qcow2Image;
  readonly #size: number;
  readonly #options: EncodeOptions;
  readonly #clusterSize: number;
  readonly #stepBytes: number;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  /** Resolves when the step before has begun to be stored. */
  #turn: Promise<void> = Promise.resolve();
  #done = 0;

  constructor(source: ReadableBlockBackend, image: Qcow2Image, size: number, options: EncodeOptions) {
    this.#source = source;
    this.#image = image;
    this.#size = size;
    this.#options = options;
    this.#clusterSize = image.metadata.geometry.clusterSize;
    this.#stepBytes = options.compress === true ? COMPRESSED_STEP_BYTES : STEP_BYTES;
    const { signal } = options;
    this.#signal = signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal]);
  }

  async run(): Promise<void> {
    const steps = planEncodeSteps(this.#source, this.#size, this.#clusterSize, this.#stepBytes, {
      signal: this.#signal,
    });
    // One step compresses with all processors already; a second one is read meanwhile.
    const workers = this.#options.compress === true ? 2 : STEPS_IN_FLIGHT;
    const results = await Promise.allSettled(Array.from({ length: workers }, () => this.#work(steps)));
    for (const result of results) {
      if (result.status === "rejected") throw this.#options.signal?.reason ?? this.#stop.signal.reason;
    }
    if (this.#size === 0) this.#report(0);
  }

  async #work(steps: AsyncGenerator<EncodeStep, void, void>): Promise<void> {
    let buffer: Uint8Array | undefined;
    try {
      for (let step = await steps.next(); step.done !== true; step = await steps.next()) {
        this.#signal.throwIfAborted();
        const { turn, endTurn } = this.#takeTurn();
        try {
          buffer ??= longBuffer(Math.min(this.#stepBytes, roundUp(this.#size, this.#clusterSize)));
          await this.#copy(step.value, buffer, turn, endTurn);
        } finally {
          endTurn();
        }
        this.#report(step.value.length);
      }
    } catch (error) {
      this.#stop.abort(error);
      throw error;
    }
  }

  #takeTurn(): { turn: Promise<void>; endTurn: () => void } {
    const turn = this.#turn;
    let endTurn = (): void => undefined;
    this.#turn = new Promise((resolve) => {
      endTurn = resolve;
    });
    return { turn, endTurn };
  }

  async #copy(step: EncodeStep, buffer: Uint8Array, turn: Promise<void>, endTurn: () => void): Promise<void> {
    if (step.isHole) {
      await turn;
      endTurn();
      return await this.#storeZeros(step.offset, step.length);
    }
    // A raw disk may end within a sector, whose rest is zero.
    const length = Math.min(roundUp(step.length, 512), this.#image.virtualSize - step.offset);
    const bytes = buffer.subarray(0, length);
    bytes.fill(0, step.length);
    await this.#source.read(step.offset, bytes.subarray(0, step.length), { signal: this.#signal });
    await turn;
    const stored = this.#store(step.offset, bytes);
    // Compressed clusters are packed in the order in which they come, so the next step waits for the end of this one.
    if (this.#options.compress !== true) endTurn();
    await stored;
    // Without I/O that takes time, nothing else would get a turn.
    if (this.#options.compress !== true) return;
    await yieldToHost();
  }

  async #store(offset: number, bytes: Uint8Array): Promise<void> {
    const writes: Promise<void>[] = [];
    for (let start = 0; start < bytes.byteLength; ) {
      const isZero = this.#isZeroCluster(bytes, start);
      let end = start + this.#clusterSize;
      while (end < bytes.byteLength && this.#isZeroCluster(bytes, end) === isZero) end += this.#clusterSize;
      const part = bytes.subarray(start, end);
      writes.push(
        isZero ? this.#storeZeros(offset + start, part.byteLength) : this.#storeData(offset + start, part),
      );
      start = end;
    }
    for (const result of await Promise.allSettled(writes))
      if (result.status === "rejected") throw result.reason;
  }

  #isZeroCluster(bytes: Uint8Array, start: number): boolean {
    return isAllZero(bytes.subarray(start, start + this.#clusterSize));
  }

  #storeData(offset: number, bytes: Uint8Array): Promise<void> {
    const options = { signal: this.#signal };
    return this.#options.compress === true
      ? this.#image.writeCompressed(offset, bytes, options)
      : this.#image.write(offset, bytes, options);
  }

  // On a new disk that costs nothing. Space that is reserved stays so, unless the zeros hide what lies below.
  async #storeZeros(offset: number, length: number): Promise<void> {
    const inside = Math.min(length, this.#image.virtualSize - offset);
    const unmap = this.#image.metadata.backingFile !== undefined;
    await this.#image.writeZeroes(offset, inside, { unmap, signal: this.#signal });
  }

  #report(length: number): void {
    this.#done = Math.min(this.#size, this.#done + length);
    this.#options.onProgress?.({ done: this.#done, total: this.#size });
  }
}

function roundUp(length: number, unit: number): number {
  return Math.ceil(length / unit) * unit;
}

function tooLong(label: string, size: number, virtualSize: number): EngineError {
  return new EngineError(
    "QCOW2_OUT_OF_RANGE",
    `${label} has ${size} bytes, more than the disk of ${virtualSize} bytes that it is to be copied to`,
  );
}
