// Owns: what must not be in the tracked files: registry hosts, addresses in the lockfile, paths of somebody's
// machine, files over the size limits. Does not own: style (biome.json).
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root as here, run } from "./workspace.mjs";

/** Lines a source file may have. */
const longest = 350;

// Spelt in two halves, so that this file does not report itself.
const registryHosts = new RegExp(["registry", "\\.(npmjs|yarnpkg|npmmirror)"].join(""));
const machinePaths = new RegExp(
  ["(^|[\\s\"'`(=:])/(work|root|home/[a-z]|Users/[A-Za-z])", "[/\\w.-]*/"].join(""),
);
const temporaryPaths = new RegExp(["(^|[\\s\"'`(=])/tm", "p/"].join(""));

/** What is wrong with one file's text; `path` decides which rules apply. */
export function textFindings(path, text) {
  const findings = [];
  if (registryHosts.test(text)) findings.push("names a package registry's host");
  if (machinePaths.test(text))
    findings.push(`holds a path of one machine: ${machinePaths.exec(text)[0].trim()}`);
  if (path === "pnpm-lock.yaml" && /https?:\/\//.test(text)) findings.push("the lockfile holds an address");
  if (path.endsWith(".md") && temporaryPaths.test(text)) findings.push("documents a temporary path");
  const isSource = /^(packages|scripts)\/.*\.(ts|js|mjs)$/.test(path);
  const lines = text.split("\n").length - 1;
  if (isSource && lines > longest)
    findings.push(`has ${lines} lines; look for the second noun (limit ${longest})`);
  return findings.map((finding) => `${path}: ${finding}`);
}

async function trackedFiles(root) {
  const { code, text } = await run("git", ["ls-files", "-z"], { cwd: root, output: "capture" });
  if (code !== 0) throw new Error(`git ls-files failed:\n${text}`);
  return text.split("\0").filter((path) => path !== "");
}

function treeFindings(root, paths) {
  return paths.flatMap((path) => {
    const bytes = readFileSync(join(root, path));
    return bytes.includes(0) ? [] : textFindings(path, bytes.toString("utf8"));
  });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const paths = await trackedFiles(here);
  if (paths.length === 0) throw new Error("git lists no files; the check proves nothing");
  const findings = treeFindings(here, paths);
  for (const finding of findings) process.stderr.write(`tree: ${finding}\n`);
  process.stdout.write(`tree: ${paths.length} tracked files looked at\n`);
  process.exitCode = findings.length > 0 ? 1 : 0;
}
