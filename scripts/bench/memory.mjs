// Owns that a command which writes to memory finds it there: on a virtual machine, memory that was free for some seconds may be
// the host's again, and asking for it back takes longer than what is measured.
import { open, rm, stat } from "node:fs/promises";
import { join } from "node:path";

const CHUNK = Buffer.alloc(4 * 1024 * 1024);

/** Takes `bytes` of the memory that is under `folder`, and gives it back. */
export async function warmMemory(folder, bytes) {
  if (bytes === 0) return;
  const path = join(folder, "warm");
  const file = await open(path, "w");
  for (let done = 0; done < bytes; done += CHUNK.length) await file.write(CHUNK);
  await file.close();
  await rm(path);
}

/** What the file at `path` takes, in bytes; 0 for one that is none. */
export async function allocatedBytes(path) {
  if (path === undefined) return 0;
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() ? found.blocks * 512 : 0;
}
