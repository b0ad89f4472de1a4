// Repairs an image that was not closed after it was written to, before it is written to again.

import type { BlockBackend, IoOptions } from "@qcow/block";
import { isDirty } from "@qcow/format";
import { EngineError } from "../engine-error.js";
import { readHead } from "../read-head.js";
import { repairImage } from "./repair-image.js";

/** Repairs the image in `backend`. Rejects `QCOW2_CORRUPT` when it is not sound afterwards: a repair clears the bit only then. */
export async function repairDirty(backend: BlockBackend, { signal }: IoOptions): Promise<void> {
  const { after } = await repairImage(backend, { mode: "all", signal });
  if (after.checkErrors === 0 && !isDirty((await readHead(backend, { signal })).header)) return;
  throw new EngineError(
    "QCOW2_CORRUPT",
    `${backend.label} was not closed after it was written to, and could not be repaired; see what a check says`,
  );
}
