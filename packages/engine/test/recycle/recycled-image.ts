// An image whose free space is recycled, on a memory disk and a clock that tests move.

import { ManualClock, MemoryBackend } from "@qcow/backend-memory";
import { type BlockBackend, yieldToHost } from "@qcow/block";
import { createImage, defaultImageConfig, type ImageConfig, type Observer, Qcow2Image } from "@qcow/engine";

export const CLUSTER = 4096;

export interface Recycled {
  readonly file: MemoryBackend;
  readonly clock: ManualClock;
  readonly image: Qcow2Image;
  /** Lets time go by, and everything that can happen in it. */
  pass(ms: number): Promise<void>;
}

export interface RecycledOptions {
  readonly clusters?: number;
  readonly clusterSize?: number;
  readonly config?: Partial<ImageConfig>;
  readonly observer?: Observer;
  /** What the engine sees instead of the file. */
  readonly around?: (file: MemoryBackend) => BlockBackend;
  /** Changes the file before it is opened. */
  readonly prepare?: (file: MemoryBackend) => Promise<void>;
}

/** A disk of `clusters` clusters, all of them written: cluster n is full of n + 1. */
export async function recycledImage(options: RecycledOptions = {}): Promise<Recycled> {
  const { clusters = 64, clusterSize = CLUSTER, config, observer, around, prepare } = options;
  const file = new MemoryBackend({ label: "image" });
  // One refcount block counts all: blocks stay where they are while an image is in use.
  await createImage(file, { size: clusters * clusterSize, clusterSize, refcountBits: 1 });
  const before = await Qcow2Image.open(file);
  for (let index = 0; index < clusters; index++)
    await before.write(index * clusterSize, new Uint8Array(clusterSize).fill(index + 1));
  await before.close();
  await prepare?.(file);
  const clock = new ManualClock();
  const image = await Qcow2Image.open(around?.(file) ?? file, {
    time: clock,
    observer,
    config: { ...defaultImageConfig(), id: "test", discard: true, runtimeAsserts: true, ...config },
  });
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 500) {
      await clock.advance(Math.min(500, left));
      for (let turn = 0; turn < 20; turn++) await yieldToHost();
    }
  };
  return { file, clock, image, pass };
}

/** The first byte of each cluster of the disk, after making sure that the others are the same. */
export async function clusterBytes(image: Qcow2Image, clusterSize = CLUSTER): Promise<number[]> {
  const bytes = new Uint8Array(image.virtualSize);
  await image.read(0, bytes);
  const found: number[] = [];
  for (let at = 0; at < bytes.length; at += clusterSize) {
    const first = bytes[at] as number;
    if (!bytes.subarray(at, at + clusterSize).every((byte) => byte === first))
      throw new Error(`the cluster at ${at} is not whole`);
    found.push(first);
  }
  return found;
}
