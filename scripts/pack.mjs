// Owns: tarballs of the public packages, exactly as they would be published, and the installation of them in an
// empty project. Does not own: what is checked on them (packaging.mjs, snippets.mjs).
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { root, runNode, workspacePackages } from "./workspace.mjs";

const pnpm = join(root, "node_modules", "pnpm", "bin", "pnpm.cjs");

/** Every package that is published. */
export function publicPackages() {
  return workspacePackages().filter(({ manifest }) => manifest.private !== true);
}

async function pnpmOrThrow(args, options) {
  const { code, text } = await runNode(pnpm, args, { output: "capture", ...options });
  if (code !== 0) throw new Error(`pnpm ${args[0]} failed (exit code ${code}):\n${text}`);
}

/** Calls `use` with a temporary folder that is removed afterwards. */
export async function withTemporaryFolder(use) {
  const folder = mkdtempSync(join(tmpdir(), "qcow-packed-"));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Packs all public packages below `folder`; each comes back with the path of its tarball. */
export async function packAll(folder) {
  return Promise.all(
    publicPackages().map(async (one) => {
      const destination = join(folder, one.folder);
      mkdirSync(destination);
      await pnpmOrThrow(["pack", "--pack-destination", destination], { cwd: one.path });
      return { ...one, tarball: join(destination, readdirSync(destination)[0]) };
    }),
  );
}

function tarballsOf(packed) {
  return Object.fromEntries(packed.map(({ manifest, tarball }) => [manifest.name, `file:${tarball}`]));
}

/** Makes a project in `folder` that has the packed packages installed, as a user's project would. */
export async function installPacked(packed, folder) {
  const tarballs = tarballsOf(packed);
  makeProject(folder, tarballs);
  await install(folder, { packages: ["."], overrides: tarballs });
}

/**
 * Makes one project for each packed package, in a folder below `folder` of the package's own name, that has nothing but
 * that package; each sees what it has declared, and no more.
 */
export async function installEachAlone(packed, folder) {
  const tarballs = tarballsOf(packed);
  makeProject(folder, {});
  for (const { folder: name, manifest } of packed) {
    makeProject(join(folder, name), { [manifest.name]: tarballs[manifest.name] });
  }
  await install(folder, { packages: ["*"], overrides: tarballs, hoist: false });
}

function makeProject(folder, dependencies) {
  mkdirSync(folder, { recursive: true });
  const manifest = { name: basename(folder), private: true, type: "module", dependencies };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
}

async function install(folder, settings) {
  writeFileSync(join(folder, "pnpm-workspace.yaml"), JSON.stringify({ ...settings, strictDepBuilds: false }));
  await pnpmOrThrow(["install", "--prefer-offline", "--ignore-scripts", "--no-frozen-lockfile"], {
    cwd: folder,
  });
}
