// Opens the external data file of an image for writing. Owns what is refused: nobody who can open it, and a data file
// that is the image itself.

import type { BlockBackend } from "@qcow/block";
import { EngineError } from "../engine-error.js";
import type { OpenImageOptions } from "../open-image-options.js";

/** The data file that the image in `backend` calls `name`. */
export async function openDataFile(
  name: string,
  backend: BlockBackend,
  options: OpenImageOptions,
): Promise<BlockBackend> {
  if (options.openDataFile === undefined) {
    throw new EngineError(
      "QCOW2_MISSING_CAPABILITY",
      `${backend.label} has an external data file, and nothing was given to open it for writing with`,
    );
  }
  const data = await options.openDataFile(name, { signal: options.signal });
  if (data.identity === undefined || data.identity !== backend.identity) return data;
  await data.close();
  throw new EngineError("QCOW2_CHAIN_LOOP", `the external data file of ${backend.label} is the image itself`);
}
