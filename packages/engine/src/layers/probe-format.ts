// Tells qcow2 from raw, for a backing file whose format nobody recorded. Guessing is dangerous: see
// open-chain.ts for what a guessed image may not do.

import { type IoOptions, isBackendError, type ReadableBlockBackend } from "@qcow/block";
import { QCOW2_MAGIC } from "@qcow/format";

/** Whether the file starts with the qcow2 magic and version 2 or 3. */
export async function isQcow2(backend: ReadableBlockBackend, options: IoOptions = {}): Promise<boolean> {
  const head = new Uint8Array(8);
  try {
    await backend.read(0, head, { ...options, purpose: "metadata" });
  } catch (error) {
    if (isBackendError(error, "BACKEND_SHORT_READ")) return false;
    throw error;
  }
  const view = new DataView(head.buffer);
  const version = view.getUint32(4);
  return view.getUint32(0) === QCOW2_MAGIC && (version === 2 || version === 3);
}
