// A file for what a command cannot hold in memory. Owns that nobody else can read it, and that it is gone when the program
// is, however that ends.

import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { BlockBackend } from "@qcow/block";

/** Makes an empty file in `folder`, without a name where the host allows that; closing it frees its space. */
export async function openSpillFile(folder: string): Promise<BlockBackend> {
  const { openWritable } = await import("@qcow/backend-node");
  const home = await mkdtemp(join(folder, ".qcow-spill-"));
  try {
    const backend = await openWritable(join(home, "spill"), { exclusive: true });
    await rm(home, { recursive: true }).catch(() => removeOnExit(home));
    return backend;
  } catch (error) {
    await rm(home, { recursive: true, force: true });
    throw error;
  }
}

/** Where open files cannot be removed. */
function removeOnExit(home: string): void {
  process.once("exit", () => rmSync(home, { recursive: true, force: true }));
}
