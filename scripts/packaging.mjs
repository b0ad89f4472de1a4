// Owns: whether each public package, as packed, is fit to publish: publint, are-the-types-wrong, and what has to
// be in it or must not be. Does not own: packing (pack.mjs).
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { packAll, withTemporaryFolder } from "./pack.mjs";
import { root, runNode } from "./workspace.mjs";

/** Files of a tar archive: path inside the package -> text. Only what pnpm writes: plain files, short names. */
function filesOf(tarball) {
  const tar = gunzipSync(readFileSync(tarball));
  const files = new Map();
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
    const field = (from, length) => tar.toString("utf8", at + from, at + from + length).replace(/\0.*$/s, "");
    const size = Number.parseInt(field(124, 12), 8);
    const name = [field(345, 155), field(0, 100)].filter(Boolean).join("/");
    files.set(name.replace(/^package\//, ""), tar.toString("utf8", at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}

/** What is missing from a package or should not be in it. */
function contentFindings(files) {
  const findings = ["README.md", "LICENSE", "package.json"]
    .filter((name) => !files.has(name))
    .map((name) => `no ${name}`);
  for (const name of files.keys()) {
    if (/tsbuildinfo|(^|\/)test\/|\.test\.|\.env|\.tgz$/.test(name))
      findings.push(`${name} does not belong in it`);
  }
  // Code of other packages travels with their licence texts.
  if (files.has("dist/direct.cjs") && !files.get("dist/direct.notices.txt")?.includes("@oclif/core")) {
    findings.push("a bundle without the licences of what is in it");
  }
  const manifest = files.get("package.json") ?? "";
  if (manifest.includes("workspace:")) findings.push("its manifest still says workspace:");
  for (const key of ["description", "license", "engines", "keywords"]) {
    if (!(key in JSON.parse(manifest))) findings.push(`its manifest has no ${key}`);
  }
  return findings;
}

async function toolFindings(tool, args) {
  const { code, text } = await runNode(join(root, "node_modules", ...tool), args, { output: "capture" });
  return code === 0 ? [] : [text.trim()];
}

async function findingsOf({ manifest, tarball }) {
  const publint = await toolFindings(["publint", "src", "cli.js"], ["run", tarball, "--strict"]);
  // A package without exports is a program; there are no types to resolve.
  const attw =
    manifest.exports === undefined
      ? []
      : await toolFindings(
          ["@arethetypeswrong", "cli", "dist", "index.js"],
          [tarball, "--profile", "esm-only", "--exclude-entrypoints", "./package.json"],
        );
  const findings = [...contentFindings(filesOf(tarball)), ...publint, ...attw];
  return findings.map((finding) => `${manifest.name}: ${finding}`);
}

await withTemporaryFolder(async (folder) => {
  const packed = await packAll(folder);
  if (packed.length === 0) throw new Error("no public packages; the check proves nothing");
  const findings = [];
  for (const one of packed) findings.push(...(await findingsOf(one)));
  for (const finding of findings) process.stderr.write(`packaging: ${finding}\n`);
  process.stdout.write(`packaging: ${packed.length} packages looked at\n`);
  process.exitCode = findings.length > 0 ? 1 : 0;
});
