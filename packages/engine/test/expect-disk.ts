// Compares what a reader says of a disk with the model of it, in every way there is to ask.

import { expect } from "vitest";
import type { Extent, Qcow2Reader } from "../src/index.js";
import type { DiskModel } from "./disk-model.js";
import type { Random } from "./random.js";
import { randomRanges } from "./random-image.js";

/** Whether two byte arrays are the same; quicker than a matcher for megabytes. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

/** Fails unless `actual` is `expected`, and says where they differ first. */
export function expectBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  if (sameBytes(actual, expected)) return;
  const at = actual.findIndex((byte, index) => byte !== expected[index]);
  expect.fail(
    `${what}: byte ${at} is ${actual[at]}, not ${expected[at]} (${actual.length}/${expected.length} bytes)`,
  );
}

/** Reads random parts of the disk. */
export async function expectReads(
  reader: Qcow2Reader,
  model: DiskModel,
  random: Random,
  count = 12,
): Promise<void> {
  expect(reader.virtualSize).toBe(model.size);
  for (const [offset, length] of randomRanges(random, model, reader.metadata.geometry.clusterSize, count)) {
    const target = new Uint8Array(length + 2).fill(0xa5);
    await reader.read(offset, target.subarray(1, length + 1));
    expectBytes(target.subarray(1, length + 1), model.read(offset, length), `read(${offset}, ${length})`);
    expect([target[0], target[length + 1]], "the bytes around the target").toEqual([0xa5, 0xa5]);
  }
}

/** Reads the whole disk as chunks and as a stream. */
export async function expectStreams(reader: Qcow2Reader, model: DiskModel, random: Random): Promise<void> {
  const whole = model.bytes();
  const options = {
    chunkBytes: random.pick(model.size < 2 ** 19 ? [512, 4096, 10_000] : [65_536, 100_000, 2 ** 20]),
    inFlight: random.between(1, 5),
  };
  const chunks: Uint8Array[] = [];
  for await (const chunk of reader.chunks({}, options)) chunks.push(chunk.slice());
  expectBytes(new Uint8Array(Buffer.concat(chunks)), whole, `chunks of ${options.chunkBytes}`);
  const offset = random.below(model.size + 1);
  const streamed: Uint8Array[] = [];
  for await (const chunk of reader.readable({ offset }, options)) streamed.push(chunk);
  expectBytes(new Uint8Array(Buffer.concat(streamed)), whole.subarray(offset), `a stream from ${offset}`);
}

/** Maps the disk: extents follow each other, say the truth about zeros, and agree with both seeks. */
export async function expectMap(reader: Qcow2Reader, model: DiskModel, random: Random): Promise<Extent[]> {
  const extents: Extent[] = [];
  let end = 0;
  for await (const extent of reader.map()) {
    expectExtent(extent, end, model);
    end += extent.length;
    extents.push(extent);
  }
  expect(end).toBe(model.size);
  for (let count = 0; count < 8; count++) {
    const offset = random.below(model.size + 1);
    expect(await reader.seekMapped(offset)).toBe(seek(extents, offset, true, model.size));
    expect(await reader.seekUnmapped(offset)).toBe(seek(extents, offset, false, model.size));
    const part: Extent[] = [];
    const length = random.below(model.size - offset + 1);
    for await (const extent of reader.map({ offset, length })) part.push(extent);
    expect(part).toEqual(cut(extents, offset, offset + length));
  }
  return extents;
}

// Plain conditions: matchers take long for tens of thousands of extents.
function expectExtent(extent: Extent, start: number, model: DiskModel): void {
  const { length, present, zero, data } = extent;
  const sound = extent.start === start && length > 0 && data !== zero && (present || !data);
  if (!sound) expect.fail(`no sound extent at ${start}: ${JSON.stringify(extent)}`);
  if (zero) expectBytes(model.read(start, length), new Uint8Array(length), `zeros at ${start}`);
}

function seek(extents: readonly Extent[], offset: number, data: boolean, size: number): number {
  const found = extents.find((extent) => extent.start + extent.length > offset && extent.data === data);
  return found === undefined ? size : Math.max(offset, found.start);
}

function cut(extents: readonly Extent[], start: number, end: number): Extent[] {
  if (start === end) return [];
  return extents
    .filter((extent) => extent.start < end && extent.start + extent.length > start)
    .map((extent) => {
      const from = Math.max(start, extent.start);
      const length = Math.min(end, extent.start + extent.length) - from;
      const { offset } = extent;
      return {
        ...extent,
        start: from,
        length,
        ...(offset === undefined ? {} : { offset: offset + from - extent.start }),
      };
    });
}
