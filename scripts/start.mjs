// Owns: `npm start -- ARGUMENTS`: install and build if needed, then the CLI as if it had been typed where the user
// is. stdin, stdout and the exit code are the CLI's own. Does not own: the tour (tour.mjs) and any command.
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { join } from "node:path";
import { build } from "./build.mjs";
import { tour } from "./tour.mjs";
import { root } from "./workspace.mjs";

const cli = join(root, "packages", "cli", "bin", "run.js");

/** Runs the CLI in the user's folder; resolves with its exit code, 128 + signal when a signal ended it. */
function runCli(args) {
  const child = spawn(process.execPath, [cli, ...args], {
    cwd: process.env.INIT_CWD ?? process.cwd(),
    stdio: "inherit",
  });
  // The terminal sends an interrupt to the CLI too. We only outlive it, to report how it ended.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(code ?? 128 + (constants.signals[signal] ?? 0)));
  });
}

try {
  await build();
  const args = process.argv.slice(2);
  process.exitCode = args.length > 0 ? await runCli(args) : await tour(cli);
} catch (error) {
  process.stderr.write(`qcow: ${error.message}\n`);
  process.exitCode = 1;
}
