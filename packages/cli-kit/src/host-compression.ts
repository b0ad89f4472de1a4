// The compression of this host, for operations of the engine that a command calls on bare bytes. Owns the loading, which
// small commands should not pay for; images that are opened here have it already.

import type { CompressionBackend } from "@qcow/block";

/** What compresses and decompresses clusters on this host. */
export async function hostCompression(): Promise<CompressionBackend> {
  const { nodeCompression } = await import("@qcow/backend-node");
  return nodeCompression();
}
