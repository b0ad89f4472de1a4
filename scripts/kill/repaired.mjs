// Owns running `qcow repair` to its end.
import { fileURLToPath } from "node:url";
import { run } from "../bench/tool.mjs";

const PROGRAM = fileURLToPath(new URL("../../packages/cli/bin/run.js", import.meta.url));

/** Repairs the image at `path`; rejects unless nothing is wrong with it afterwards. */
export async function repaired(path) {
  try {
    await run(process.execPath, [PROGRAM, "repair", path]);
  } catch (error) {
    throw new Error(`repair: exit ${error.code}: ${error.stderr.slice(0, 500)}`);
  }
}
