// The whole program, through oclif: help, version, completion, plugins, and every command. Owns how
// failures outside of a command end; bin/run.js decides when the shorter way (direct.ts) serves.

import { run } from "@oclif/core/run";
import { isOutputClosed, printFailure, takeOverOutputErrors } from "@qcow/cli-kit";

/** Runs the command line `argv` of the oclif program in the folder `root`; sets `process.exitCode`. */
export async function main(argv: string[], root: string): Promise<void> {
  const json = argv.includes("--json");
  const debug = argv.includes("--debug");
  // Help and version are written by oclif, which does not wait for them; commands take over in turn.
  takeOverOutputErrors((error) => {
    if (!isOutputClosed(error)) printFailure(error, { json: false, debug });
  });
  try {
    await run(argv, root);
  } catch (error) {
    printFailure(error, { json, debug });
  }
}
