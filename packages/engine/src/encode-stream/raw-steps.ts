// A raw disk in steps, from its start to its end. Owns where the steps come from (a file that can be read anywhere, or a
// stream) and that the next one is read while this one is worked on.

import { type IoOptions, longBuffer, type ReadableBlockBackend } from "@qcow/block";
import type { ByteSource } from "../byte-source.js";
import type { EncodeStep } from "../encode/plan-steps.js";

/** A part of the disk that is no hole. */
export interface RawStep {
  /** Guest offset in bytes: the start of a cluster. */
  readonly offset: number;
  /** Whole clusters; what the disk does not have of the last one is zero. Valid until the step after the next is asked for. */
  readonly bytes: Uint8Array;
  /** Bytes of the disk up to the end of the step. */
  readonly reached: number;
}

/** The parts of `source` that `plan` calls no holes; each has at most `stepBytes`, and begins at a cluster's start. */
export async function* stepsOfFile(
  source: ReadableBlockBackend,
  plan: AsyncIterable<EncodeStep> | Iterable<EncodeStep>,
  clusterSize: number,
  stepBytes: number,
  options: IoOptions,
): AsyncGenerator<RawStep, void, void> {
  const buffers = new Buffers(stepBytes, IN_FLIGHT + 2);
  const pending: Promise<RawStep>[] = [];
  try {
    for await (const { offset, length, isHole } of plan) {
      if (isHole) continue;
      const step = readStep(source, offset, length, buffers.next(length, clusterSize), options);
      step.catch(() => undefined);
      pending.push(step);
      if (pending.length >= IN_FLIGHT) yield await (pending.shift() as Promise<RawStep>);
    }
    for (let next = pending.shift(); next !== undefined; next = pending.shift()) yield await next;
  } finally {
    await Promise.allSettled(pending);
  }
}

/** Reads under way at once. */
const IN_FLIGHT = 4;

async function readStep(
  source: ReadableBlockBackend,
  offset: number,
  length: number,
  bytes: Uint8Array,
  options: IoOptions,
): Promise<RawStep> {
  bytes.fill(0, length);
  await source.read(offset, bytes.subarray(0, length), { signal: options.signal, purpose: "contents" });
  return { offset, bytes, reached: offset + length };
}

/** All that comes from `source`. */
export async function* stepsOfStream(
  source: ByteSource,
  clusterSize: number,
  stepBytes: number,
): AsyncGenerator<RawStep, void, void> {
  const buffers = new Buffers(stepBytes, 3);
  const read = async (offset: number): Promise<RawStep | undefined> => {
    const buffer = buffers.next(stepBytes, clusterSize);
    const count = await source.read(buffer);
    if (count === 0) return undefined;
    const bytes = buffer.subarray(0, Math.ceil(count / clusterSize) * clusterSize);
    bytes.fill(0, count);
    return { offset, bytes, reached: offset + count };
  };
  let next = read(0);
  for (let step = await next; step !== undefined; step = await next) {
    next = read(step.offset + stepBytes);
    next.catch(() => undefined);
    yield step;
  }
}

/** Buffers that are used in turn. */
class Buffers {
  readonly #bytes: number;
  readonly #buffers: (Uint8Array | undefined)[];
  #next = 0;

  constructor(bytes: number, count: number) {
    this.#bytes = bytes;
    this.#buffers = new Array<Uint8Array | undefined>(count).fill(undefined);
  }

  next(length: number, unit: number): Uint8Array {
    this.#next = (this.#next + 1) % this.#buffers.length;
    this.#buffers[this.#next] ??= longBuffer(this.#bytes);
    return (this.#buffers[this.#next] as Uint8Array).subarray(0, Math.ceil(length / unit) * unit);
  }
}
