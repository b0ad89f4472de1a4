// A file for what a command cannot hold in memory. Owns that nobody else can read it, and that it is gone when the program
// is, however that ends.

import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { BlockBackend } from "@qcow/block";

/** Makes an empty file in `folder`, without a name where the host allows that; closing it frees its space. */
export async function openSpillFile(folder: string): Promise<BlockBackend> {
  const { openWritable } = await import("@qcow/backend-node");
  const home = mkdtempSync(join(folder, ".qcow-spill-"));
  try {
    const backend = await openWritable(join(home, "spill"), { exclusive: true });
    removeNowOrOnExit(home);
    return backend;
  } catch (error) {
    rmSync(home, { recursive: true, force: true });
    throw error;
  }
}

/** There are hosts where open files cannot be removed. */
function removeNowOrOnExit(home: string): void {
  try {
    rmSync(home, { recursive: true });
  } catch {
    process.once("exit", () => rmSync(home, { recursive: true, force: true }));
  }
}
