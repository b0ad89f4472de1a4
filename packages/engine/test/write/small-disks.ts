// Small disks and short reads for tests that tell a story.

import { MemoryBackend } from "@qcow/backend-memory";
import { type CreateOptions, createImage, type Qcow2Image, type Qcow2Reader } from "../../src/index.js";

/** The usual cluster size in bytes. */
export const C = 65_536;

export function filled(value: number, length = C): Uint8Array {
  return new Uint8Array(length).fill(value);
}

/** A new image of 64 clusters. */
export async function fresh(options: Partial<CreateOptions> = {}): Promise<MemoryBackend> {
  const disk = new MemoryBackend();
  await createImage(disk, { size: 64 * C, lazyRefcounts: false, ...options });
  return disk;
}

export async function readAt(
  image: Qcow2Image | Qcow2Reader,
  offset: number,
  length = C,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  await image.read(offset, bytes);
  return bytes;
}
