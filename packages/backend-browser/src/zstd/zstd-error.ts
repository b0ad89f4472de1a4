// What every part of the decoder throws.

import { BackendError } from "@qcow/block";

export function badFrame(reason: string): BackendError {
  return new BackendError("BACKEND_BAD_STREAM", `zstd: ${reason}`);
}
