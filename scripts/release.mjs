// Owns: whether the notes in .changeset make a release: in a copy of the tree, changesets gives each public package a
// version and a changelog. Does not own: releasing (publish.mjs), or what the notes say.
import { cpSync, existsSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { publicPackages, withTemporaryFolder } from "./pack.mjs";
import { root, runNode } from "./workspace.mjs";

/** What changesets looks at. */
function copyTree(folder) {
  for (const name of [".changeset", "package.json", "pnpm-workspace.yaml", "pnpm-lock.yaml"])
    cpSync(join(root, name), join(folder, name), { recursive: true });
  cpSync(join(root, "packages"), join(folder, "packages"), {
    recursive: true,
    filter: (path) => /[/\\]packages([/\\][^/\\]+([/\\]package\.json)?)?$/.test(path),
  });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"), "junction");
}

function findingsOf({ folder, manifest }, tree) {
  const path = join(tree, "packages", folder);
  const { version } = JSON.parse(readFileSync(join(path, "package.json"), "utf8"));
  if (version === manifest.version) return [`${manifest.name} gets no version: no note names it`];
  const changelog = join(path, "CHANGELOG.md");
  if (!existsSync(changelog) || !readFileSync(changelog, "utf8").includes(`## ${version}`))
    return [`${manifest.name} ${version} gets no changelog`];
  return [];
}

await withTemporaryFolder(async (folder) => {
  copyTree(folder);
  const changesets = join(root, "node_modules", "@changesets", "cli", "bin.js");
  const { code, text } = await runNode(changesets, ["version"], { cwd: folder, output: "capture" });
  if (code !== 0) throw new Error(`changeset version failed (exit code ${code}):\n${text}`);
  const packages = publicPackages();
  const findings = packages.flatMap((one) => findingsOf(one, folder));
  for (const finding of findings) process.stderr.write(`release: ${finding}\n`);
  process.stdout.write(`release: ${packages.length} packages get a version and a changelog\n`);
  process.exitCode = findings.length > 0 ? 1 : 0;
});
