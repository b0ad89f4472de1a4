// Owns: making the checkout ready to build: the right Node, dependencies as the lockfile says. Repeat runs only
// compare a hash. Does not own: building, and the choice of the package manager (package.json names it).
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { root, run, toolEnvironment, workspacePackages } from "./workspace.mjs";

const stampFile = join(root, "node_modules", ".qcow-bootstrap");

/** Fails with one clear line on a Node older than package.json's `engines` allow. */
function requireNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new Error(`qcow needs Node 20.19 or newer; this is ${process.version}.`);
}

/** What the installed tree depends on, as one hash: manifests, lockfile, Node's major, platform, place. */
function fingerprint() {
  const hash = createHash("sha256");
  const files = ["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml", ".npmrc"].map((name) =>
    join(root, name),
  );
  for (const { path } of workspacePackages()) files.push(join(path, "package.json"));
  for (const file of files) hash.update(file).update("\0").update(readFileSync(file)).update("\0");
  hash.update([process.versions.node.split(".")[0], process.platform, process.arch].join(" "));
  return hash.digest("hex");
}

function isReady(wanted) {
  return existsSync(stampFile) && readFileSync(stampFile, "utf8") === wanted;
}

/** Installs with the pinned package manager through npx, which comes with npm: nothing global is needed. */
async function install() {
  const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  process.stderr.write("qcow: installing dependencies (first run, or they changed) ...\n");
  const env = toolEnvironment({ npm_config_loglevel: "error", CI: "true" });
  const npx = process.platform === "win32" ? "npx.cmd" : "npx";
  const args = ["--yes", packageManager, "install", "--frozen-lockfile", "--reporter=append-only"];
  const { code, text } = await run(npx, args, { env, output: "capture" });
  if (code === 0) return;
  throw new Error(`installing dependencies failed (exit code ${code}):\n${text}`);
}

/** Makes dependencies present and current. Quiet when there is nothing to do. */
export async function bootstrap() {
  requireNode();
  const wanted = fingerprint();
  if (isReady(wanted)) return;
  await install();
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, wanted);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await bootstrap().catch((error) => {
    process.stderr.write(`qcow: ${error.message}\n`);
    process.exitCode = 1;
  });
}
