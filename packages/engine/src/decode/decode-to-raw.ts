// Writes an image's disk out as a raw image. What reads as zero is left out: the target is cut to nothing
// first and then given its length, so that holes are holes.

import { type BlockBackend, type LongOptions, longBuffer } from "@qcow/block";
import { EngineError } from "../engine-error.js";
import type { ExtentBatch } from "../extent.js";
import { isMapped } from "../mapping/seek.js";
import type { Qcow2Reader } from "../qcow2-reader.js";
import { findData } from "./find-data.js";

/** Copy steps under way at once. */
const STEPS_IN_FLIGHT = 6;

export interface DecodeOptions extends LongOptions {
  /**
   * `true` (the default): the target becomes a file with holes. `false`: the target keeps its length and every
   * byte is written, zeros too, as a block device needs it.
   */
  readonly sparse?: boolean | undefined;
}

interface Step {
  readonly offset: number;
  readonly length: number;
  /** Whether something may be stored there. */
  readonly mapped: boolean;
}

/**
 * Copies the disk of `image` to `target`. What the target held before is lost. Progress is in bytes of the
 * disk. Rejects before the target is touched when the image cannot be read (`Qcow2Reader.openContents`) or the target
 * is one of its files (`QCOW2_TARGET_IS_SOURCE`). When it rejects later, the target is incomplete. Nothing is flushed: the target becomes durable when its owner
 * flushes it.
 */
export async function decodeToRaw(
  image: Qcow2Reader,
  target: BlockBackend,
  options: DecodeOptions = {},
): Promise<void> {
  const sparse = options.sparse ?? true;
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  // Before the target is touched: what keeps the image from being read costs it nothing.
  signal.throwIfAborted();
  await image.openContents({ signal });
  refuseSource(image, target);
  const stepBytes = image.preferredReadBytes;
  const steps = planSteps(image.mapBatches({}, { signal }), stepBytes);
  if (sparse) {
    await target.resize(0, options);
    await target.resize(image.virtualSize, options);
  }
  let done = 0;
  const report = (length: number): void => {
    done += length;
    options.onProgress?.({ done: Math.min(done, image.virtualSize), total: image.virtualSize });
  };
  const worker = async (): Promise<void> => {
    const buffer = longBuffer(stepBytes);
    for (let step = await steps.next(); step.done !== true; step = await steps.next()) {
      if (step.value.mapped) await copyStep(image, target, step.value, buffer, sparse, signal);
      else if (!sparse) await writeZeros(target, step.value, buffer, signal);
      report(step.value.length);
    }
  };
  const guarded = async (): Promise<void> => {
    try {
      await worker();
    } catch (error) {
      stop.abort(error);
      throw error;
    }
  };
  const results = await Promise.allSettled(Array.from({ length: STEPS_IN_FLIGHT }, guarded));
  for (const result of results)
    if (result.status === "rejected") throw options.signal?.reason ?? stop.signal.reason;
  if (image.virtualSize === 0) report(0);
}

function refuseSource(image: Qcow2Reader, target: BlockBackend): void {
  if (target.identity === undefined || !image.identities.has(target.identity)) return;
  throw new EngineError(
    "QCOW2_TARGET_IS_SOURCE",
    `${target.label} is a file that ${image.metadata.label} is read from; decoding into it would destroy the image`,
  );
}

async function copyStep(
  image: Qcow2Reader,
  target: BlockBackend,
  step: Step,
  buffer: Uint8Array,
  sparse: boolean,
  signal: AbortSignal,
): Promise<void> {
  const bytes = buffer.subarray(0, step.length);
  await image.read(step.offset, bytes, { signal });
  const ranges = sparse ? findData(bytes) : [{ start: 0, end: bytes.byteLength }];
  for (const { start, end } of ranges) {
    await target.write(step.offset + start, bytes.subarray(start, end), { signal });
  }
}

async function writeZeros(
  target: BlockBackend,
  step: Step,
  buffer: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  buffer.fill(0);
  for (let at = 0; at < step.length; at += buffer.byteLength) {
    const length = Math.min(buffer.byteLength, step.length - at);
    await target.write(step.offset + at, buffer.subarray(0, length), { signal });
  }
}

/** Cuts the map into copy steps of at most `stepBytes`: neighbours that may hold something are copied together. */
async function* planSteps(
  batches: AsyncIterable<ExtentBatch>,
  stepBytes: number,
): AsyncGenerator<Step, void, void> {
  let offset = 0;
  let length = 0;
  let mapped = false;
  for await (const batch of batches) {
    for (let index = 0; index < batch.count; index++) {
      const next = isMapped(batch.flags[index] as number);
      if (next !== mapped) {
        yield* cutStep(offset, length, mapped);
        offset += length;
        length = 0;
        mapped = next;
      }
      length += batch.length[index] as number;
      while (mapped && length >= stepBytes) {
        const part = stepBytes - (offset % stepBytes);
        yield { offset, length: part, mapped };
        offset += part;
        length -= part;
      }
    }
  }
  yield* cutStep(offset, length, mapped);
}

function* cutStep(offset: number, length: number, mapped: boolean): Generator<Step, void, void> {
  if (length > 0) yield { offset, length, mapped };
}
