// Under which of its names the program was started. Owns nothing of what follows from it.

import { basename } from "node:path";

/** Whether it was started as `qcow-tool`: then commands print what qcow-tool printed, where the two differ. */
export function isQcowTool(program: string | undefined = process.argv[1]): boolean {
  return program !== undefined && /^qcow-tool(\.js)?$/.test(basename(program));
}
