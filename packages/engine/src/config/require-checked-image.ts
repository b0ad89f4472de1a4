// Refuses an image that a check finds damaged, and says which chains of references lead to what is wrong.

import type { BlockBackend } from "@qcow/block";
import { checkImage } from "../check/check-image.js";
import { EngineError } from "../engine-error.js";
import type { OpenImageOptions } from "../open-image-options.js";
import { referenceChains } from "./reference-chains.js";

/** Rejects `QCOW2_CORRUPT` when the image in `backend` is not sound; leaks are no damage. */
export async function requireCheckedImage(
  backend: BlockBackend,
  { signal, observer }: OpenImageOptions,
): Promise<void> {
  const { corruptions, checkErrors, findings } = await checkImage(backend, { signal, findingsMax: 16 });
  if (corruptions + checkErrors === 0) return;
  const found = findings.find(({ severity }) => severity !== "leak");
  for (const { offset, message } of findings) {
    if (offset === undefined) continue;
    for (const chain of await referenceChains(backend, offset, { signal }))
      observer?.diagnostic?.({ message: `${message}: ${chain}` });
  }
  throw new EngineError(
    "QCOW2_CORRUPT",
    `a check of ${backend.label} finds ${corruptions} corruptions and ${checkErrors} errors, first: ${found?.message ?? "unknown"}; repair it before using it`,
  );
}
