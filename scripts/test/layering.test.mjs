// Proves that the layering check and the lint rules bite: each test plants one fault in a copy of the checkout.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { layeringFindings } from "../layering.mjs";
import { root, runNode } from "../workspace.mjs";
import { withPlantedTree } from "./planted-tree.mjs";

const findingsWith = (files) => withPlantedTree(files, layeringFindings);

async function lintOf(file, text) {
  return withPlantedTree({ [file]: text }, (tree) => {
    const biome = join(root, "node_modules", "@biomejs", "biome", "bin", "biome");
    const args = ["lint", "--vcs-enabled=false", "--error-on-warnings", "--max-diagnostics=none", file];
    return runNode(biome, args, { cwd: tree, output: "capture" });
  });
}

const planted = [
  [
    "a lower layer importing a higher one",
    "packages/block/src/planted.ts",
    'import "@qcow/engine";\n',
    /layers|resolvable/,
  ],
  [
    "a relative path into another package",
    "packages/format/src/planted.ts",
    'import "../../block/src/planted-too.js";\n',
    /layers/,
  ],
  [
    "a type-only import of a higher layer",
    "packages/block/src/planted.ts",
    'export type * from "../../engine/src/planted-too.js";\n',
    /layers/,
  ],
  [
    "a command importing a backend directly",
    "packages/cli/src/planted.ts",
    'import "../../backend-node/src/planted-too.js";\n',
    /layers/,
  ],
  [
    "the engine importing a backend",
    "packages/engine/src/planted.ts",
    'import "../../backend-memory/src/planted-too.js";\n',
    /layers/,
  ],
  [
    "a Node module in a browser-safe package",
    "packages/engine/src/planted.ts",
    'import "node:fs";\n',
    /runs in browsers/,
  ],
  [
    "a Node module without its prefix",
    "packages/format/src/planted.ts",
    'import "path";\n',
    /runs in browsers/,
  ],
  [
    "an outside package in the engine",
    "packages/engine/src/planted.ts",
    'import "typescript";\n',
    /outside packages/,
  ],
  [
    "a module that tells the time",
    "packages/cli-kit/src/planted.ts",
    'import "node:timers/promises";\n',
    /the clock is injected/,
  ],
  ["a cycle", "packages/format/src/planted.ts", 'import "./planted-too.js";\n', /no cycles/],
];

test("the tree as it is keeps its layers", async () => {
  assert.deepEqual(await findingsWith({}), []);
});

for (const [what, file, text, expected] of planted) {
  test(`layering reports ${what}`, async () => {
    const twins = ["block", "engine", "backend-node", "backend-memory"].map(
      (f) => `packages/${f}/src/planted-too.ts`,
    );
    const others = Object.fromEntries(twins.map((twin) => [twin, "export const nothing = 0;\n"]));
    const cycle =
      what === "a cycle" ? { "packages/format/src/planted-too.ts": 'import "./planted.js";\n' } : {};
    const findings = await findingsWith({ [file]: text, ...others, ...cycle });
    assert.ok(
      findings.some((finding) => finding.startsWith(file.replace(".ts", "")) && expected.test(finding)),
      `no finding matches ${expected}: ${JSON.stringify(findings)}`,
    );
  });
}

test("layering reports a dependency that the architecture does not have", async () => {
  const manifest = JSON.parse(readFileSync(join(root, "packages/engine/package.json"), "utf8"));
  manifest.dependencies = { ...manifest.dependencies, "left-pad": "1.0.0" };
  const findings = await findingsWith({ "packages/engine/package.json": JSON.stringify(manifest) });
  assert.match(findings.join("\n"), /engine -> left-pad is not an edge/);
});

test("layering reports a package that is in no layer", async () => {
  const findings = await findingsWith({ "packages/stray/package.json": '{"name":"@qcow/stray"}' });
  assert.match(findings.join("\n"), /packages\/stray is in no layer/);
});

const banned = [
  ["engine", "export const a = Date.now();", /TimeBackend/],
  ["engine", "export const a = new Date();", /TimeBackend/],
  ["cli-kit", "export const a = globalThis.performance.now();", /TimeBackend/],
  ["cli-kit", "export const a = performance.now();", /TimeBackend/],
  ["backend-node", "setTimeout(() => undefined, 1);", /TimeBackend/],
  ["format", "export const a = Buffer.alloc(1);", /Uint8Array/],
  ["format", "export const a = globalThis.Buffer;", /Node globals/],
  ["block", "export const a = process.pid;", /browsers/],
  [
    "backend-memory",
    'import { readFile } from "node:fs/promises";\nexport const a = readFile;',
    /noNodejsModules/,
  ],
  [
    "engine",
    "async function f(): Promise<void> {}\nexport function g(): void {\n  f();\n}",
    /noFloatingPromises/,
  ],
  ["engine", "export function f(a: any): void {\n  a.b();\n}", /noExplicitAny/],
];

for (const [folder, text, expected] of banned) {
  test(`lint reports in ${folder}: ${text.split("\n").at(-1) === "}" ? text.split("\n")[0] : text}`, async () => {
    const result = await lintOf(`packages/${folder}/src/planted.ts`, `${text}\n`);
    assert.notEqual(result.code, 0);
    assert.match(result.text, expected);
  });
}

test("lint allows a date that is built from data", async () => {
  const result = await lintOf(
    "packages/cli-kit/src/planted.ts",
    "export const a = (s: number) => new Date(s * 1000);\n",
  );
  assert.equal(result.code, 0, result.text);
});
