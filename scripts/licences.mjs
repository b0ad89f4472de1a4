// Owns: whether the licence of everything we install, and of what a user of our packages installs, suits an ISC
// project. Does not own: which dependencies there are.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root, runNode } from "./workspace.mjs";

/** Permissive licences: no obligation beyond attribution. */
const permissive = new Set([
  "0BSD",
  "Apache-2.0",
  "BlueOak-1.0.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "CC0-1.0",
  "ISC",
  "MIT",
  "MIT-0",
  "Python-2.0",
  "Unlicense",
  "WTFPL",
  "Zlib",
]);

/** Weaker terms, accepted for tools that only developers run and that we never ship. */
const acceptedForTools = new Set(["CC-BY-3.0", "CC-BY-4.0", "MPL-2.0"]);

/** Looked at by hand, each with the reason why it is fine. */
const exceptions = new Map([
  ["npm", "Artistic-2.0: a program that the plugin installer starts, unmodified and not part of ours"],
  ["spawndamnit", "its manifest points at a LICENSE file, which is MIT; development only"],
]);

/** True when an SPDX expression leaves a choice that `allowed` has: every part of an AND, one part of an OR. */
export function suits(expression, allowed) {
  const text = expression.trim().replace(/^\((.*)\)$/, "$1");
  if (/\bOR\b/.test(text)) return text.split(/\s+OR\s+/).some((part) => suits(part, allowed));
  if (/\bAND\b/.test(text)) return text.split(/\s+AND\s+/).every((part) => suits(part, allowed));
  return allowed.has(text);
}

async function licencesOf(flags) {
  const pnpm = join(root, "node_modules", "pnpm", "bin", "pnpm.cjs");
  const { code, text } = await runNode(pnpm, ["licenses", "list", "--json", "--recursive", ...flags], {
    output: "capture",
  });
  if (code !== 0) throw new Error(`pnpm licenses failed:\n${text}`);
  return Object.entries(JSON.parse(text.slice(text.indexOf("{"))));
}

/** Dependencies whose licence does not suit, one line each, and how many were looked at. */
async function licenceFindings(flags, allowed) {
  const groups = await licencesOf(flags);
  const findings = groups
    .filter(([licence]) => !suits(licence, allowed))
    .flatMap(([licence, packages]) => packages.map((one) => ({ ...one, licence })))
    .filter(({ name }) => !exceptions.has(name))
    .map(({ name, versions, licence }) => `${name}@${versions}: ${licence}`);
  return { findings, count: groups.reduce((sum, [, packages]) => sum + packages.length, 0) };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const shipped = await licenceFindings(["--prod"], permissive);
  const tools = await licenceFindings(["--dev"], new Set([...permissive, ...acceptedForTools]));
  if (shipped.count === 0 || tools.count === 0)
    throw new Error("pnpm listed no dependencies; the check proves nothing");
  for (const finding of [...shipped.findings, ...tools.findings])
    process.stderr.write(`licences: ${finding}\n`);
  process.stdout.write(`licences: ${shipped.count} shipped and ${tools.count} development dependencies\n`);
  process.exitCode = shipped.findings.length + tools.findings.length > 0 ? 1 : 0;
}
