// zstd by fzstd, which is small and needs no WebAssembly (pages with a strict policy may not compile any). Owns what
// that decoder leaves to its caller: it ignores output past a block's end, and tells no length.

import { BackendError } from "@qcow/block";
import { Decompress } from "fzstd";

/**
 * Fills `target` from `frame`, one whole zstd frame whose claims were checked, or throws. A checksum at its end is not
 * verified.
 */
export function unzstd(frame: Uint8Array, target: Uint8Array): void {
  let length = 0;
  const decoder = new Decompress((chunk, final) => {
    if (chunk.length > target.length - length) throw badStream(`yields more than ${target.length} bytes`);
    // No encoder makes such blocks, and a hostile frame could have many, each of them slow to decode.
    if (chunk.length === 0 && !final && length < target.length) throw badStream("holds an empty block");
    target.set(chunk, length);
    length += chunk.length;
  });
  try {
    decoder.push(frame, true);
  } catch (error) {
    if (error instanceof BackendError) throw error;
    throw badStream("damaged stream", error);
  }
  if (length !== target.length) throw badStream(`yields ${length} bytes instead of ${target.length}`);
}

function badStream(reason: string, cause?: unknown): BackendError {
  return new BackendError("BACKEND_BAD_STREAM", `zstd: ${reason}`, { cause });
}
