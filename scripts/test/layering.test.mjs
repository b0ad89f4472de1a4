// Proves that the layering check and the lint rules bite. Faults are planted in a copy of the checkout, each in a
// file of its own; one run of the check then has to report every one of them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { layeringFindings } from "../layering.mjs";
import { root, runNode } from "../workspace.mjs";
import { withPlantedTree } from "./planted-tree.mjs";

const fileOf = (folder, number) => `packages/${folder}/src/planted-${number}.ts`;

/** What is planted, where, the text, and what the finding has to say. */
const imports = [
  ["a lower layer importing a higher one", "block", 'import "../../engine/src/target.js";', /layers/],
  ["a relative path into another package", "format", 'import "../../block/src/target.js";', /layers/],
  [
    "a type-only import of a higher layer",
    "block",
    'export type * from "../../engine/src/target.js";',
    /layers/,
  ],
  ["a command importing a backend directly", "cli", 'import "../../backend-node/src/target.js";', /layers/],
  ["the engine importing a backend", "engine", 'import "../../backend-memory/src/target.js";', /layers/],
  ["a package that is not a dependency", "format", 'import "@qcow/block";', /layers|resolvable/],
  ["a Node module in a browser-safe package", "engine", 'import "node:fs";', /runs in browsers/],
  ["a Node module without its prefix", "format", 'import "path";', /runs in browsers/],
  ["an outside package in the engine", "engine", 'import "typescript";', /outside packages/],
  ["a test tool outside /testing", "block", 'import "vitest";', /outside packages/],
  ["a module that tells the time", "cli-kit", 'import "node:timers/promises";', /the clock is injected/],
  ["a cycle", "format", 'import "./planted-cycle.js";', /no cycles/],
];

const globals = [
  ["engine", "export const a = Date.now();", /TimeBackend/],
  ["engine", "export const a = new Date();", /TimeBackend/],
  ["cli-kit", "export const a = globalThis.performance.now();", /TimeBackend/],
  ["cli-kit", "export const a = performance.now();", /performance/],
  ["backend-node", "setTimeout(() => undefined, 1);", /setTimeout/],
  ["format", "export const a = Buffer.alloc(1);", /Buffer/],
  ["format", "export const a = globalThis.Buffer;", /Node globals/],
  ["block", "export const a = process.pid;", /process/],
  ["backend-memory", 'import { readFile } from "node:fs/promises"; export const a = readFile;', /Node/],
  ["engine", "const f = async (): Promise<void> => {}; export const g = (): void => { f(); };", /Promise/],
  ["engine", "export const f = (a: any): void => a.b();", /any/],
];

const targets = ["engine", "block", "backend-node", "backend-memory"].map((folder) => [
  `packages/${folder}/src/target.ts`,
  "export type Nothing = 0;\n",
]);

describe("layering", () => {
  let findings = [];

  before(async () => {
    const cycleBack = `import "./planted-${imports.findIndex(([what]) => what === "a cycle")}.js";\n`;
    const files = Object.fromEntries([
      ...targets,
      ["packages/format/src/planted-cycle.ts", cycleBack],
      ...imports.map(([, folder, text], number) => [fileOf(folder, number), `${text}\n`]),
    ]);
    findings = await withPlantedTree(files, layeringFindings);
  });

  for (const [number, [what, folder, , expected]] of imports.entries()) {
    test(`reports ${what}`, () => {
      const file = what === "a cycle" ? "packages/format/src/planted-" : fileOf(folder, number);
      const found = findings.some((finding) => finding.startsWith(file) && expected.test(finding));
      assert.ok(found, `nothing about ${file} matches ${expected}: ${JSON.stringify(findings, null, 2)}`);
    });
  }

  test("finds nothing in the tree as it is", async () => {
    assert.deepEqual(await withPlantedTree({}, layeringFindings), []);
  });

  test("reports a dependency that the architecture does not have, and a package in no layer", async () => {
    const manifest = JSON.parse(readFileSync(join(root, "packages/engine/package.json"), "utf8"));
    manifest.dependencies = { ...manifest.dependencies, "left-pad": "1.0.0" };
    const planted = {
      "packages/engine/package.json": JSON.stringify(manifest),
      "packages/stray/package.json": '{"name":"@qcow/stray"}',
    };
    const found = (await withPlantedTree(planted, layeringFindings)).join("\n");
    assert.match(found, /engine -> left-pad is not an edge/);
    assert.match(found, /packages\/stray is in no layer/);
  });
});

describe("lint", () => {
  const allowed = "packages/cli-kit/src/planted-allowed.ts";
  let diagnostics = [];

  before(async () => {
    const files = Object.fromEntries(
      globals.map(([folder, text], number) => [fileOf(folder, number), `${text}\n`]),
    );
    files[allowed] = "export const a = (seconds: number): Date => new Date(seconds * 1000);\n";
    diagnostics = await withPlantedTree(files, lint);
  });

  for (const [number, [folder, text, expected]] of globals.entries()) {
    test(`reports in ${folder}: ${text}`, () => {
      const own = diagnostics.filter(({ file }) => file === fileOf(folder, number));
      assert.match(JSON.stringify(own), expected);
    });
  }

  test("allows a date that is built from data", () => {
    assert.deepEqual(
      diagnostics.filter(({ file }) => file === allowed),
      [],
    );
  });
});

/** Errors and warnings of biome in the packages of a tree. */
async function lint(tree) {
  const biome = join(root, "node_modules", "@biomejs", "biome", "bin", "biome");
  const args = ["lint", "--vcs-enabled=false", "--max-diagnostics=none", "--reporter=json", "packages"];
  const { text } = await runNode(biome, args, { cwd: tree, output: "capture" });
  const report = JSON.parse(text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1));
  return report.diagnostics
    .filter(({ severity }) => severity !== "information")
    .map(({ location, message, category }) => ({ file: location?.path, message, category }));
}
