// Owns: who may import whom. One table drives three checks: the manifests' dependencies, every import (through
// dependency-cruiser), and no cycles. Does not own: bans on globals and the clock (biome.json, scripts/lint).
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { cruise } from "dependency-cruiser";
import { root as here } from "./workspace.mjs";

/**
 * Per folder of packages/: the workspace packages it may import, the outside packages it may import, and whether
 * it runs in browsers, where Node's modules do not exist (but for a folder of its sources that `nodeFolder` names).
 * A package that is not listed here fails the check.
 */
const layers = {
  format: { workspace: [], outside: [], browser: true },
  block: { workspace: [], outside: [], browser: true, testing: ["vitest"] },
  engine: { workspace: ["format", "block"], outside: [], browser: true },
  "backend-memory": { workspace: ["block"], outside: [], browser: true },
  "backend-browser": { workspace: ["block"], outside: [], browser: true },
  "backend-http": { workspace: ["block"], outside: [], browser: true },
  nbd: { workspace: ["engine", "block"], outside: [], browser: true, nodeFolder: "node" },
  "backend-node": { workspace: ["block"], outside: ["@bokuweb/zstd-wasm", "koffi"] },
  simulator: { workspace: ["engine", "format", "block", "backend-memory", "backend-node"], outside: [] },
  "cli-kit": {
    workspace: ["engine", "format", "block", "backend-http", "backend-node", "backend-memory"],
    outside: ["@oclif/core", "cli-progress", "undici"],
  },
  metrics: { workspace: ["engine", "nbd"], outside: ["prom-client"] },
  "plugin-prometheus": {
    workspace: ["cli-kit", "metrics"],
    outside: ["@oclif/core", "prom-client"],
  },
  "plugin-dehydrate": { workspace: ["cli-kit", "format", "block"], outside: ["@oclif/core"] },
  cli: {
    workspace: ["cli-kit", "engine", "nbd", "format", "block"],
    outside: ["@oclif/core", "@oclif/plugin-*"],
  },
};

/**
 * Modules that tell the time or wait; only the system clocks may use them, and cli-kit where it lets signals in:
 * one turn of the event loop takes no known time, and no test has to steer it.
 */
const clockModules = "^(node:)?(timers(/promises)?|perf_hooks)$";
const clockUsers =
  "^packages/(backend-node/src/system-clock|backend-browser/src/browser-clock|cli-kit/src/interruptible)\\.ts$";

function literally(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** A pattern for names, in which only a trailing `*` is special. */
function anyOf(names) {
  return names
    .map((name) => (name.endsWith("*") ? literally(name.slice(0, -1)) : `${literally(name)}(/|$)`))
    .join("|");
}

function manifestOf(root, folder) {
  return JSON.parse(readFileSync(join(root, "packages", folder, "package.json"), "utf8"));
}

function packageFolders(root) {
  return readdirSync(join(root, "packages")).filter((f) =>
    existsSync(join(root, "packages", f, "package.json")),
  );
}

/** Dependencies that a manifest declares although its layer does not have them. */
function manifestFindings(root, folder, nameToFolder) {
  const layer = layers[folder];
  if (layer === undefined) return [`packages/${folder} is in no layer: add it to scripts/layering.mjs`];
  const { dependencies, optionalDependencies, peerDependencies } = manifestOf(root, folder);
  const outside = new RegExp(`^(${anyOf([...layer.outside, ...(layer.testing ?? [])]) || "(?!)"})`);
  return Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })
    .filter((name) => {
      const target = nameToFolder.get(name);
      return target === undefined ? !outside.test(name) : !layer.workspace.includes(target);
    })
    .map(
      (name) => `packages/${folder}/package.json: ${folder} -> ${name} is not an edge of the architecture`,
    );
}

/** Import rules of one layer, for dependency-cruiser. */
function importRules(folder) {
  const { workspace, outside, browser = false, nodeFolder, testing = [] } = layers[folder];
  const from = { path: `^packages/${folder}/(src|bin)/` };
  const allowed = [folder, ...workspace].map(literally).join("|");
  const notTesting = { ...from, pathNot: `^packages/${folder}/src/testing/` };
  const inBrowsers =
    nodeFolder === undefined ? from : { ...from, pathNot: `^packages/${folder}/src/${nodeFolder}/` };
  const npm = ["npm", "npm-dev", "npm-optional", "npm-peer", "npm-no-pkg", "npm-unknown"];
  const outsidePath = (names) => `node_modules/(${anyOf(names) || "(?!)"})`;
  return [
    {
      name: `${folder}: layers`,
      severity: "error",
      from,
      to: { path: "^packages/", pathNot: `^packages/(${allowed})/` },
    },
    {
      name: `${folder}: outside packages`,
      severity: "error",
      from: testing.length > 0 ? notTesting : from,
      to: { dependencyTypes: npm, path: "node_modules/", pathNot: outsidePath(outside) },
    },
    {
      name: `${folder}: outside packages in /testing`,
      severity: "error",
      from: { path: `^packages/${folder}/src/testing/` },
      to: { dependencyTypes: npm, path: "node_modules/", pathNot: outsidePath([...outside, ...testing]) },
    },
    ...(browser
      ? [
          {
            name: `${folder}: runs in browsers`,
            severity: "error",
            from: inBrowsers,
            to: { dependencyTypes: ["core"] },
          },
        ]
      : []),
  ];
}

function ruleSet(folders) {
  const sources = { path: "^packages/[^/]+/(src|bin)/" };
  return {
    forbidden: [
      ...folders.flatMap(importRules),
      { name: "no cycles", severity: "error", from: sources, to: { circular: true } },
      { name: "resolvable", severity: "error", from: sources, to: { couldNotResolve: true } },
      {
        name: "the clock is injected",
        severity: "error",
        from: { ...sources, pathNot: clockUsers },
        to: { path: clockModules },
      },
    ],
  };
}

/** Imports that break a rule, one line each. Throws when fewer modules were read than there are. */
async function importFindings(root, folders) {
  const roots = folders
    .flatMap((f) => [`packages/${f}/src`, `packages/${f}/bin`])
    .filter((p) => existsSync(join(root, p)));
  const expected = roots
    .flatMap((p) => readdirSync(join(root, p), { recursive: true }))
    .filter((f) => /\.(ts|js)$/.test(f));
  const { output } = await cruise(roots, {
    baseDir: root,
    ruleSet: ruleSet(folders),
    validate: true,
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules|/dist/" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "types", "default"],
      extensions: [".ts", ".js", ".d.ts"],
    },
  });
  const read = output.modules.filter(({ source }) => /^packages\/[^/]+\/(src|bin)\//.test(source)).length;
  if (read < expected.length)
    throw new Error(`only ${read} of ${expected.length} modules were read; the check proves nothing`);
  return output.summary.violations.map(({ rule, from, to }) => `${from} -> ${to} (${rule.name})`);
}

/** Everything under `root` that breaks the layering; needs a build, since packages resolve to each other's dist. */
export async function layeringFindings(root) {
  const folders = packageFolders(root);
  const nameToFolder = new Map(folders.map((folder) => [manifestOf(root, folder).name, folder]));
  const manifests = folders.flatMap((folder) => manifestFindings(root, folder, nameToFolder));
  return [
    ...manifests,
    ...(await importFindings(
      root,
      folders.filter((folder) => folder in layers),
    )),
  ];
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const findings = await layeringFindings(resolve(process.argv[2] ?? here));
  for (const finding of findings) process.stderr.write(`layering: ${finding}\n`);
  process.exitCode = findings.length > 0 ? 1 : 0;
}
