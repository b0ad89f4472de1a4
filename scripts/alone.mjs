// Owns: whether each public package, as packed and installed alone into an empty project, is there: every entry of it can
// be imported, a program or a plugin can be listed, and what runs in browsers bundles for them from there. Does not own:
// what the packages do, or how they are packed (pack.mjs).
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { installEachAlone, packAll, withTemporaryFolder } from "./pack.mjs";
import { root, runNode } from "./workspace.mjs";

/** Packages whose entries are for pages too; the lint rules for globals and the layering table have the same list. */
const forBrowsers = ["format", "block", "engine", "backend-memory", "backend-browser", "backend-http", "nbd"];
/** Entries that are not for every host: Node's part of a package, and what test runners import. */
const elsewhere = /\/(node|testing)$/;

/** What a package can be imported as. */
function entriesOf({ name, exports = {} }) {
  return Object.keys(exports)
    .filter((entry) => entry !== "./package.json")
    .map((entry) => name + entry.slice(1));
}

async function importFinding(entry, project) {
  const source = `const names = Object.keys(await import(${JSON.stringify(entry)}));
    if (names.length === 0) throw new Error("it has no exports");`;
  const { code, text } = await runNode("--input-type=module", ["--eval", source], {
    cwd: project,
    output: "capture",
  });
  return code === 0 ? [] : [`${entry} cannot be imported alone:\n${text}`];
}

async function bundleFinding(entry, project) {
  const options = { bundle: true, format: "esm", platform: "browser", write: false, logLevel: "silent" };
  try {
    await build({
      ...options,
      stdin: { contents: `export * from ${JSON.stringify(entry)};`, resolveDir: project },
    });
    return [];
  } catch (error) {
    return [`${entry} does not bundle for browsers: ${error.message}`];
  }
}

async function programFinding({ name, bin }, project) {
  const [entry] = Object.values(bin);
  const program = join(project, "node_modules", name, entry);
  const sample = join(root, "sample", "disk.qcow2");
  const { code, text } = await runNode(program, ["info", "--json", sample], { output: "capture" });
  if (code === 0 && JSON.parse(text).format === "qcow2") return [];
  return [`the program of ${name}, installed alone, cannot read an image (exit code ${code}):\n${text}`];
}

/** A plugin's commands are listed in the manifest that it is packed with, each with a file. */
function pluginFindings({ name, oclif }, project) {
  if (oclif?.commands === undefined) return [];
  const folder = join(project, "node_modules", name);
  const { commands } = JSON.parse(readFileSync(join(folder, "oclif.manifest.json"), "utf8"));
  return Object.keys(commands).length > 0 ? [] : [`${name} lists no commands`];
}

async function findingsOf({ folder, manifest }, project) {
  const findings = pluginFindings(manifest, project);
  if (manifest.bin !== undefined) findings.push(...(await programFinding(manifest, project)));
  for (const entry of entriesOf(manifest)) {
    // What tests import wants a test runner, which comes from whoever has the tests.
    if (entry.endsWith("/testing")) continue;
    findings.push(...(await importFinding(entry, project)));
    if (forBrowsers.includes(folder) && !elsewhere.test(entry))
      findings.push(...(await bundleFinding(entry, project)));
  }
  return findings;
}

await withTemporaryFolder(async (folder) => {
  const packed = await packAll(folder);
  const projects = join(folder, "projects");
  await installEachAlone(packed, projects);
  const findings = (
    await Promise.all(packed.map((one) => findingsOf(one, join(projects, one.folder))))
  ).flat();
  for (const finding of findings) process.stderr.write(`alone: ${finding}\n`);
  process.stdout.write(`alone: ${packed.length} packages, each in a project of its own\n`);
  process.exitCode = findings.length > 0 ? 1 : 0;
});
