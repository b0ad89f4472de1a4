// What the build makes after tsc: oclif.manifest.json, which tells oclif about the commands without
// loading them, then the bundle and its code cache.

import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeBundle } from "./bundle.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const oclif = join(dirname(createRequire(import.meta.url).resolve("oclif/package.json")), "bin", "run.js");

function run(script, ...args) {
  // oclif would look for a newer version of itself on the network.
  const env = { ...process.env, OCLIF_SKIP_NEW_VERSION_CHECK: "1" };
  execFileSync(process.execPath, [script, ...args], {
    cwd: root,
    env,
    stdio: ["ignore", "ignore", "inherit"],
  });
}

run(oclif, "manifest", ".");
await makeBundle(root);
run(join(root, "build", "code-cache.cjs"));
