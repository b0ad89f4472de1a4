// Cuts a raw disk into the steps in which it is copied: what the host knows to be a hole is left out. Owns the grid:
// steps begin and end at multiples of their size, or of a cluster, so that no cluster is in two of them.

import type { IoOptions, ReadableBlockBackend } from "@qcow/block";

/** A part of the raw disk to copy, in bytes. */
export interface EncodeStep {
  readonly offset: number;
  readonly length: number;
  /** Whether the host knows that it is a hole: it reads as zero. */
  readonly isHole: boolean;
}

/** The steps of at most `stepBytes` that cover `[0, size)`; `stepBytes` is a multiple of `clusterSize`. Holes come whole. */
export async function* planEncodeSteps(
  source: ReadableBlockBackend,
  size: number,
  clusterSize: number,
  stepBytes: number,
  options: IoOptions,
): AsyncGenerator<EncodeStep, void, void> {
  for (let at = 0; at < size; ) {
    const data = await nextData(source, at, size, options);
    const start = Math.max(at, data.start - (data.start % clusterSize));
    if (start > at) yield { offset: at, length: start - at, isHole: true };
    const end = Math.min(size, Math.ceil(data.end / clusterSize) * clusterSize);
    for (at = start; at < end; ) {
      const length = Math.min(stepBytes - (at % stepBytes), end - at);
      yield { offset: at, length, isHole: false };
      at += length;
    }
  }
}

async function nextData(
  source: ReadableBlockBackend,
  offset: number,
  size: number,
  options: IoOptions,
): Promise<{ start: number; end: number }> {
  if (source.nextData === undefined) return { start: offset, end: size };
  return (await source.nextData(offset, options)) ?? { start: size, end: size };
}
