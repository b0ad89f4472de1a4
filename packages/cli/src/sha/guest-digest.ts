// The digest of what a reader reads, from the first byte of the disk to the last. Owns the loop.

import type { Hash } from "node:crypto";
import type { LongOptions } from "@qcow/block";
import { interruptible } from "@qcow/cli-kit";
import type { Qcow2Reader } from "@qcow/engine";

/** The algorithm where nobody asks for another: the one of qcow-tool. */
export const DEFAULT_ALGORITHM = "sha1";

/** Lower-case hexadecimal; `hash` is used up. Progress is in bytes. */
export async function guestDigest(
  reader: Qcow2Reader,
  hash: Hash,
  { signal, onProgress }: LongOptions,
): Promise<string> {
  const total = reader.virtualSize;
  let done = 0;
  for await (const chunk of interruptible(reader.chunks({}, { signal }))) {
    hash.update(chunk);
    done += chunk.length;
    onProgress?.({ done, total });
  }
  return hash.digest("hex");
}
