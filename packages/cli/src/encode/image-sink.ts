// A file that an image is written to from its first byte to its last. Owns that the sector with the header is written when all
// else is durable: until then nothing opens.

import { type BlockBackend, type IoOptions, isBackendError } from "@qcow/block";

const FIRST_SECTOR_BYTES = 512;

/** Writes `chunks` to `backend`, in place of what it held, and makes them durable. */
export async function writeImage(
  chunks: AsyncIterable<Uint8Array>,
  backend: BlockBackend,
  options: IoOptions,
): Promise<void> {
  let first: Uint8Array | undefined;
  let at = 0;
  for await (const chunk of chunks) {
    if (first === undefined) {
      first = chunk.slice(0, FIRST_SECTOR_BYTES);
      await empty(backend, options);
      await backend.write(FIRST_SECTOR_BYTES, chunk.subarray(FIRST_SECTOR_BYTES), options);
    } else await backend.write(at, chunk, options);
    at += chunk.byteLength;
  }
  await backend.flush(options);
  if (first !== undefined) await backend.write(0, first, options);
  await backend.flush(options);
}

/** Nothing may open what is left of an older image. */
async function empty(backend: BlockBackend, options: IoOptions): Promise<void> {
  try {
    await backend.resize(0, options);
  } catch (error) {
    // A device keeps its length.
    if (!isBackendError(error, "BACKEND_UNSUPPORTED")) throw error;
  }
  await backend.write(0, new Uint8Array(FIRST_SECTOR_BYTES), options);
  await backend.flush(options);
}
