// Owns: building every package through turbo, silently unless it fails; stdout stays free for data.
// Does not own: what a build is (turbo.json and each package's build script).
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { bootstrap } from "./bootstrap.mjs";
import { root, runNode } from "./workspace.mjs";

/** Runs one turbo task over all packages. */
export function turbo(task, args, options) {
  const entry = join(root, "node_modules", "turbo", "bin", "turbo");
  return runNode(entry, ["run", task, "--no-update-notifier", ...args], options);
}

/** Installs if needed, then builds what changed; rejects with turbo's output when the build fails. */
export async function build() {
  await bootstrap();
  const { code, text } = await turbo("build", ["--output-logs=errors-only"], { output: "capture" });
  if (code !== 0) throw new Error(`the build failed (exit code ${code}):\n${text}`);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await build().catch((error) => {
    process.stderr.write(`qcow: ${error.message}\n`);
    process.exitCode = 1;
  });
}
