// The test patterns of qcow-tool. Owns what is in them: sectors that begin with their own number, and every second cluster
// left out.

import type { LongOptions } from "@qcow/block";
import type { Qcow2Image } from "@qcow/engine";

const SECTOR_BYTES = 512;
/** Bytes of a write of pattern 2. */
const WRITE_BYTES = 4 * 1024 * 1024;
/** Small operations under way at once. */
const IN_FLIGHT = 64;

/** Pattern 1: every second cluster, from the first one on, gets one sector. The rest is not written. Progress is in bytes. */
export async function fillSparsePattern(image: Qcow2Image, options: LongOptions): Promise<void> {
  await forEverySecondCluster(image, options, image.virtualSize, 0, async (offset) => {
    const sector = new Uint8Array(SECTOR_BYTES);
    stampSectors(sector, offset);
    await image.write(offset, sector, options);
  });
}

/** Pattern 2: all of the disk is written, then every second cluster, from the first one on, is discarded. */
export async function fillDensePattern(image: Qcow2Image, options: LongOptions): Promise<void> {
  const { virtualSize } = image;
  const buffer = new Uint8Array(Math.min(WRITE_BYTES, virtualSize));
  for (let at = 0; at < virtualSize; at += buffer.byteLength) {
    const bytes = buffer.subarray(0, Math.min(buffer.byteLength, virtualSize - at));
    stampSectors(bytes, at);
    await image.write(at, bytes, options);
    options.onProgress?.({ done: at + bytes.byteLength, total: 2 * virtualSize });
  }
  const { clusterSize } = image.metadata.geometry;
  await forEverySecondCluster(image, options, 2 * virtualSize, virtualSize, async (offset) => {
    await image.discard(offset, Math.min(clusterSize, virtualSize - offset), options);
  });
}

/** Puts its number, big-endian, into the first 8 bytes of each sector of `bytes`, which is to lie at guest offset `offset`. */
function stampSectors(bytes: Uint8Array, offset: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.byteLength; at += SECTOR_BYTES) {
    view.setBigUint64(at, BigInt((offset + at) / SECTOR_BYTES));
  }
}

/** Does `work` at clusters 0, 2, 4, …, some of them at once; reports `before` and the bytes of the disk that are past. */
async function forEverySecondCluster(
  image: Qcow2Image,
  { signal, onProgress }: LongOptions,
  total: number,
  before: number,
  work: (offset: number) => Promise<void>,
): Promise<void> {
  const { virtualSize } = image;
  const { clusterSize } = image.metadata.geometry;
  for (let at = 0; at < virtualSize; ) {
    signal?.throwIfAborted();
    const jobs: Promise<void>[] = [];
    for (; at < virtualSize && jobs.length < IN_FLIGHT; at += 2 * clusterSize) jobs.push(work(at));
    for (const result of await Promise.allSettled(jobs))
      if (result.status === "rejected") throw result.reason;
    onProgress?.({ done: before + Math.min(at, virtualSize), total });
  }
}
