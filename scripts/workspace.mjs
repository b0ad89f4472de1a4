// Owns: where the workspace is, which packages it has, and how its scripts start other programs.
// Does not own: what is started and in which order (each script says that itself).
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Absolute path of the checkout. */
export const root = fileURLToPath(new URL("..", import.meta.url)).replace(/[/\\]$/, "");

/** Every workspace package: folder name, absolute folder, parsed manifest; sorted by folder. */
export function workspacePackages() {
  return readdirSync(join(root, "packages"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(root, "packages", entry.name, "package.json")))
    .map(({ name: folder }) => {
      const path = join(root, "packages", folder);
      return { folder, path, manifest: JSON.parse(readFileSync(join(path, "package.json"), "utf8")) };
    })
    .sort((a, b) => (a.folder < b.folder ? -1 : 1));
}

/**
 * Environment for a tool of the workspace. Its programs come first on PATH by absolute path, because turbo looks
 * for pnpm there; what an outer `npx -c` left behind goes, because an inner npx would obey it.
 */
export function toolEnvironment(extra = {}) {
  const env = {
    ...process.env,
    TURBO_TELEMETRY_DISABLED: "1",
    TURBO_NO_UPDATE_NOTIFIER: "1",
    OCLIF_SKIP_NEW_VERSION_CHECK: "1",
    // Part of what a build depends on: it leaves code compiled for one version of Node.
    QCOW_NODE_VERSION: process.version,
    ...extra,
  };
  for (const name of ["npm_config_call", "npm_config_package", "npm_config_recursive"]) delete env[name];
  if (!process.stdout.isTTY) env.NO_COLOR = "1";
  env.PATH = [join(root, "node_modules", ".bin"), process.env.PATH ?? ""].join(delimiter);
  return env;
}

/**
 * Runs a program to its end. `output`: "inherit", "stderr" (both streams go to our stderr), or "capture"
 * (returned as text). Resolves with the exit code (128 + signal when killed); rejects only if it cannot start.
 */
export function run(command, args, { cwd = root, env = toolEnvironment(), output = "inherit" } = {}) {
  const stdio = {
    inherit: "inherit",
    stderr: ["ignore", 2, 2],
    capture: ["ignore", "pipe", "pipe"],
  }[output];
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio });
    const chunks = [];
    child.stdout?.on("data", (chunk) => chunks.push(chunk));
    child.stderr?.on("data", (chunk) => chunks.push(chunk));
    child.once("error", reject);
    child.once("close", (code, signal) => {
      const text = Buffer.concat(chunks).toString("utf8");
      resolve({ code: code ?? 128 + (constants.signals[signal] ?? 0), text });
    });
  });
}

/** Runs a Node script or a program's JavaScript entry with the Node that runs us. */
export function runNode(script, args, options) {
  return run(process.execPath, [script, ...args], options);
}
