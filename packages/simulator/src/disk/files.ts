// The files of an image at rest. Owns copying them, and opening the image that they make.

import type { MemoryBackend } from "@qcow/backend-memory";
import { type BlockBackend, ForwardingBackend } from "@qcow/block";
import type { OpenImageOptions, OpenOptions } from "@qcow/engine";
import { BACKING_NAME, DATA_NAME } from "../image/fresh-image.js";
import { deflateNow } from "./deflate-now.js";

export interface Files {
  readonly image: MemoryBackend;
  readonly data: MemoryBackend | undefined;
  readonly backing: MemoryBackend | undefined;
}

/** Copies that nobody else changes; the backing file never changes. */
export function copyFiles({ image, data, backing }: Files): Files {
  return { image: image.snapshot(), data: data?.snapshot(), backing };
}

/** Options to read the image in `files`. */
export function readOptions({ data, backing }: Pick<Files, "data" | "backing">): OpenOptions {
  return {
    compression: deflateNow,
    openReference: async ({ kind, name }) => {
      const backend = kind === "backing" ? named(backing, BACKING_NAME, name) : named(data, DATA_NAME, name);
      return { backend: new Lent(backend) };
    },
  };
}

/** Options to write it, its data file being `data`. */
export function writeOptions(
  data: BlockBackend | undefined,
  backing: MemoryBackend | undefined,
): OpenImageOptions {
  return {
    compression: deflateNow,
    openReference: async ({ name }) => ({ backend: new Lent(named(backing, BACKING_NAME, name)) }),
    openDataFile: async (name) => new Lent(named(data, DATA_NAME, name)),
  };
}

function named<T>(file: T | undefined, wanted: string, name: string): T {
  if (file === undefined || name !== wanted) throw new Error(`the image names a file "${name}"`);
  return file;
}

/** A file that is not closed by those who use it. */
class Lent extends ForwardingBackend {
  override async close(): Promise<void> {}
}
