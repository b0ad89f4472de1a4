// What the first bytes of a stream say, and which images cannot be decoded from one. Reads no further than the first
// cluster can reach; the tables behind it are for those who follow the stream.

import type { IoOptions, ReadableBlockBackend } from "@qcow/block";
import { CLUSTER_BITS_MAX, printable } from "@qcow/format";
import { EngineError } from "../engine-error.js";
import type { ImageHead } from "../image-metadata.js";
import { wholeSectors } from "../layers/whole-sectors.js";
import { readHead } from "../read-head.js";

/** Bytes from the start of a stream that hold the first cluster of any image. */
export const HEAD_BYTES_MAX = 2 ** CLUSTER_BITS_MAX;

/**
 * The head of the image that begins with `bytes`; `ended` when the stream has no more than these.
 *
 * Rejects with a `FormatError` for what is no sound image, an EngineError `QCOW2_ENCRYPTED`, or
 * `QCOW2_MISSING_CAPABILITY` for an image that needs other files.
 */
export async function readStreamHead(
  bytes: Uint8Array,
  ended: boolean,
  label: string,
  options: IoOptions,
): Promise<ImageHead> {
  const head = await readHead(firstBytes(bytes, ended, label), options);
  if (head.header.cryptMethod !== 0) {
    const message = `the contents of ${label} are encrypted, which is not supported yet`;
    throw new EngineError("QCOW2_ENCRYPTED", message);
  }
  if (head.dataFile !== undefined) throw needsFile(label, "data file", head.dataFile.name);
  if (head.backingFile !== undefined) throw needsFile(label, "backing file", head.backingFile.name);
  // The disk that a guest sees.
  const virtualSize = wholeSectors(head.geometry.virtualSize);
  return { ...head, geometry: { ...head.geometry, virtualSize } };
}

function needsFile(label: string, what: string, name: string): EngineError {
  return new EngineError(
    "QCOW2_MISSING_CAPABILITY",
    `${label} has the ${what} ${printable(name)}, and a stream brings no other files: decode it where they are`,
  );
}

/** The beginning of a stream as something that can be read; how long the rest is, nobody knows. */
function firstBytes(bytes: Uint8Array, ended: boolean, label: string): ReadableBlockBackend {
  const close = async (): Promise<void> => undefined;
  return {
    label,
    size: async () => (ended ? bytes.byteLength : Number.MAX_SAFE_INTEGER),
    read: async (offset, target) => target.set(bytes.subarray(offset, offset + target.byteLength)),
    close,
    [Symbol.asyncDispose]: close,
  };
}
