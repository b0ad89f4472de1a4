// Owns: whether the first JavaScript example of each package's README runs as a user would run it: in an empty
// project with the packed packages installed, `disk.qcow2` (the sample image) in the current folder. Also that
// the packed CLI starts there. Does not own: what the examples say.
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { installPacked, packAll, withTemporaryFolder } from "./pack.mjs";
import { root, runNode } from "./workspace.mjs";

/** The first fenced `js` block of a Markdown file, or undefined. */
function firstExample(file) {
  if (!existsSync(file)) return undefined;
  return /^```js\r?\n([\s\S]*?)^```/m.exec(readFileSync(file, "utf8"))?.[1];
}

async function exampleFindings({ folder, path }, project) {
  const example = firstExample(join(path, "README.md"));
  if (example === undefined) return [];
  const script = join(project, `${folder}.mjs`);
  writeFileSync(script, example);
  const { code, text } = await runNode(script, [], { cwd: project, output: "capture" });
  process.stdout.write(`snippets: packages/${folder}/README.md ${code === 0 ? "runs" : "FAILS"}\n`);
  return code === 0
    ? []
    : [`the example in packages/${folder}/README.md fails (exit code ${code}):\n${text}`];
}

async function cliFindings(project) {
  const entry = join(project, "node_modules", "qcow", "bin", "run.js");
  const { code, text } = await runNode(entry, ["info", "disk.qcow2"], { cwd: project, output: "capture" });
  return code === 0 ? [] : [`the packed "qcow info" fails (exit code ${code}):\n${text}`];
}

await withTemporaryFolder(async (folder) => {
  const packed = await packAll(folder);
  const project = join(folder, "project");
  await installPacked(packed, project);
  copyFileSync(join(root, "sample", "disk.qcow2"), join(project, "disk.qcow2"));
  const findings = await cliFindings(project);
  for (const one of packed) findings.push(...(await exampleFindings(one, project)));
  for (const finding of findings) process.stderr.write(`snippets: ${finding}\n`);
  process.exitCode = findings.length > 0 ? 1 : 0;
});
