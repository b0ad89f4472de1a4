// Owns: tarballs of the public packages, exactly as they would be published, and the installation of them in an
// empty project. Does not own: what is checked on them (packaging.mjs, snippets.mjs).
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
    rmSync(folder, { recursive: true, force: true });
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

/** Makes a project in `folder` that has the packed packages installed, as a user's project would. */
export async function installPacked(packed, folder) {
  mkdirSync(folder, { recursive: true });
  const tarballs = Object.fromEntries(
    packed.map(({ manifest, tarball }) => [manifest.name, `file:${tarball}`]),
  );
  const manifest = { name: "packed", private: true, type: "module", dependencies: tarballs };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  const settings = { packages: ["."], overrides: tarballs, strictDepBuilds: false };
  writeFileSync(join(folder, "pnpm-workspace.yaml"), JSON.stringify(settings));
  await pnpmOrThrow(["install", "--prefer-offline", "--ignore-scripts", "--no-frozen-lockfile"], {
    cwd: folder,
  });
}
