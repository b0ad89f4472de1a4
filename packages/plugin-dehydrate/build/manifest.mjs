// What the build makes after tsc: oclif.manifest.json, which tells oclif about the commands without loading them.

import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const oclif = join(dirname(createRequire(import.meta.url).resolve("oclif/package.json")), "bin", "run.js");

execFileSync(process.execPath, [oclif, "manifest", "."], {
  cwd: fileURLToPath(new URL("..", import.meta.url)),
  // oclif would look for a newer version of itself on the network.
  env: { ...process.env, OCLIF_SKIP_NEW_VERSION_CHECK: "1" },
  stdio: ["ignore", "ignore", "inherit"],
});
