// The whole program, through oclif: help, version, completion, plugins, and every command. Owns how
// failures outside of a command end; bin/run.js decides when the shorter way (direct.ts) serves.

import { run } from "@oclif/core/run";
import { printFailure } from "@qcow/cli-kit";

/** Runs the command line `argv` of the oclif program in the folder `root`; sets `process.exitCode`. */
export async function main(argv: string[], root: string): Promise<void> {
  try {
    await run(argv, root);
  } catch (error) {
    printFailure(error, { json: argv.includes("--json"), debug: argv.includes("--debug") });
  }
}
