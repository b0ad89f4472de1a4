// Owns: a throwaway copy of the checkout, without installed tools' weight, in which a test plants a fault.
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { root, workspacePackages } from "../workspace.mjs";

const rootFiles = [
  "package.json",
  "biome.json",
  "turbo.json",
  "tsconfig.base.json",
  "pnpm-workspace.yaml",
  ".gitignore",
];
const kept = new Set(["src", "bin", "dist", "node_modules", "package.json", "tsconfig.json", "README.md"]);

/** Copies the checkout, writes `files` (path -> text) into the copy, hands its path to `use`, removes it. */
export async function withPlantedTree(files, use) {
  const tree = mkdtempSync(join(tmpdir(), "qcow-planted-"));
  try {
    for (const name of rootFiles) cpSync(join(root, name), join(tree, name));
    cpSync(join(root, "scripts", "lint"), join(tree, "scripts", "lint"), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(tree, "node_modules"), "dir");
    for (const { path } of workspacePackages()) copyPackage(path, join(tree, relative(root, path)));
    for (const [name, text] of Object.entries(files)) plant(join(tree, name), text);
    return await use(tree);
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}

function copyPackage(from, to) {
  // Links stay relative, so that packages see each other inside the copy.
  cpSync(from, to, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (source) => dirname(source) !== from || kept.has(basename(source)),
  });
}

function plant(file, text) {
  mkdirSync(dirname(file), { recursive: true });
  if (existsSync(file)) rmSync(file);
  writeFileSync(file, text);
}
