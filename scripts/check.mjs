// Owns: `npm run check`: everything that CI checks, step by step, with a table of what passed and how long it took.
// `npm run check -- lint layering` runs only those. Does not own: any step's rules.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { bootstrap } from "./bootstrap.mjs";
import { build, turbo } from "./build.mjs";
import { root, runNode } from "./workspace.mjs";

const tool = (...path) => join(root, "node_modules", ...path);
const script = (name) => join(root, "scripts", `${name}.mjs`);
const archive = (name) => join(root, "..", "shared", "corpus", `${name}.tar.zst`);

const biome = tool("@biomejs", "biome", "bin", "biome");
const biomeColours = process.stdout.isTTY ? [] : ["--colors=off"];
const knip = tool("knip", "bin", "knip.js");

/** In order: a step's name, what it does (resolving with an exit code), and where its data must be, if anywhere. */
const steps = [
  { name: "build", act: () => build().then(() => 0) },
  { name: "types", act: () => turbo("typecheck", ["--output-logs=errors-only"]).then(({ code }) => code) },
  { name: "lint", act: () => node(biome, "check", "--error-on-warnings", ...biomeColours, ".") },
  { name: "layering", act: () => node(script("layering")) },
  { name: "tree", act: () => node(script("tree")) },
  { name: "unused", act: () => node(knip, "--no-progress", "--no-config-hints") },
  { name: "licences", act: () => node(script("licences")) },
  { name: "packaging", act: () => node(script("packaging")) },
  { name: "bundle", act: () => node(script("bundle-size")) },
  { name: "alone", act: () => node(script("alone")) },
  { name: "release", act: () => node(script("release")) },
  { name: "docs", act: () => node(script("docs")) },
  { name: "doc-commands", act: () => node(script("doc-commands")) },
  { name: "snippets", act: () => node(script("snippets")) },
  { name: "tests", act: () => node(script("test")) },
  {
    name: "corpus",
    act: () => node(script("corpus"), "--resident"),
    needs: process.env.QCOW_CORPUS ?? archive("images"),
  },
  {
    name: "malformed",
    act: () => node(script("malformed")),
    needs: process.env.QCOW_MALFORMED ?? archive("malformed"),
  },
];

async function node(file, ...args) {
  const { code } = await runNode(file, args);
  return code;
}

/** Runs one step; an error it throws is a failure like any other, shown once. */
async function perform({ name, act, needs }) {
  if (needs !== undefined && !existsSync(needs)) return { name, outcome: "skipped", seconds: 0 };
  process.stdout.write(`\n=== ${name}\n`);
  const start = performance.now();
  const code = await act().catch((error) => {
    process.stderr.write(`${error.message}\n`);
    return 1;
  });
  return { name, outcome: code === 0 ? "passed" : "FAILED", seconds: (performance.now() - start) / 1000 };
}

function chosenSteps(names) {
  const unknown = names.filter((name) => !steps.some((step) => step.name === name));
  if (unknown.length > 0) {
    throw new Error(
      `no such step: ${unknown.join(", ")}; there are: ${steps.map(({ name }) => name).join(", ")}`,
    );
  }
  return names.length === 0 ? steps : steps.filter(({ name }) => names.includes(name));
}

function summarise(outcomes) {
  process.stdout.write("\n=== summary\n");
  for (const { name, outcome, seconds } of outcomes) {
    process.stdout.write(`${outcome.padEnd(8)} ${seconds.toFixed(1).padStart(7)} s  ${name}\n`);
  }
  const skipped = outcomes.filter(({ outcome }) => outcome === "skipped").map(({ name }) => name);
  if (skipped.length > 0)
    process.stdout.write(`Skipped because their images are not here: ${skipped.join(", ")}\n`);
}

try {
  const chosen = chosenSteps(process.argv.slice(2));
  await bootstrap();
  const outcomes = [];
  for (const step of chosen) outcomes.push(await perform(step));
  summarise(outcomes);
  process.exitCode = outcomes.some(({ outcome }) => outcome === "FAILED") ? 1 : 0;
} catch (error) {
  process.stderr.write(`qcow: ${error.message}\n`);
  process.exitCode = 1;
}
