// Owns: whether docs/checklist.md is whole: a line for each entry of ocaml-qcow's changelog, each with a proof that exists, a
// test by file and title or a step of `npm run check`. Does not own: what the tests prove, nor whether they pass.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root as here } from "./workspace.mjs";

const CHECKLIST = "docs/checklist.md";

/** How many entries the changelog of ocaml-qcow has for each release. */
const ENTRIES = {
  0.1: 4,
  0.2: 2,
  0.3: 1,
  0.4: 3,
  "0.4.1": 2,
  "0.4.2": 1,
  "0.5.0": 2,
  "0.6.0": 4,
  "0.7.0": 5,
  "0.7.1": 2,
  "0.7.2": 2,
  "0.8.0": 3,
  "0.8.1": 1,
  "0.9.0": 3,
  "0.9.1": 8,
  "0.9.2": 4,
  "0.9.3": 3,
  "0.9.4": 9,
  "0.9.5": 2,
  "0.10.0": 7,
  "0.10.1": 2,
  "0.10.2": 1,
  "0.10.3": 1,
  "0.10.4": 3,
  "0.10.5": 1,
  "0.11.0": 3,
  "0.12.0": 5,
  "0.12.1": 1,
  "0.12.2": 3,
  "0.12.3": 1,
  "0.13.0": 1,
  "0.14.0": 1,
};

export const entries = Object.entries(ENTRIES).flatMap(([release, count]) =>
  Array.from({ length: count }, (_, index) => `S-${release}-${index + 1}`),
);

/**
 * What is wrong with the checklist `text`. `sourceOf(path)` is a file's text, undefined when there is none; `steps` are those of
 * `npm run check`.
 */
export function checklistFindings(text, sourceOf, steps) {
  const rows = text.split("\n").flatMap((line) => rowOf(line) ?? []);
  const known = new Set(entries);
  const seen = new Set();
  const findings = [];
  for (const { entry, promise, proofs } of rows) {
    if (!known.has(entry)) findings.push(`${entry} is no entry of the changelog`);
    if (seen.has(entry)) findings.push(`${entry} is there twice`);
    seen.add(entry);
    if (promise === "" || proofs.length === 0) findings.push(`${entry} is open`);
    findings.push(
      ...proofs.flatMap((proof) => proofFinding(proof, sourceOf, steps) ?? []).map((it) => `${entry}: ${it}`),
    );
  }
  return [...findings, ...entries.filter((entry) => !seen.has(entry)).map((entry) => `${entry} is missing`)];
}

/** The cells of a line of the table; undefined for other lines. */
function rowOf(line) {
  const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
  const [, entry = "", promise = "", proof = ""] = cells;
  if (!entry.startsWith("S-")) return undefined;
  return { entry, promise, proofs: proof.split("<br>").filter((each) => each !== "") };
}

function proofFinding(proof, sourceOf, steps) {
  const step = /^`npm run check -- (\S+)`$/.exec(proof)?.[1];
  if (step !== undefined) return steps.includes(step) ? undefined : `there is no step ${step}`;
  const [, path, title] = /^`([^`]+)`: (.+)$/.exec(proof) ?? [];
  if (path === undefined) return `this is no proof: ${proof}`;
  const source = sourceOf(path);
  if (source === undefined) return `there is no ${path}`;
  return hasTitle(source, title) ? undefined : `${path} has no test "${title}"`;
}

/** Whether one of the strings of `source` is `title`, and its test is not switched off. */
function hasTitle(source, title) {
  return source.split("\n").some((line) => {
    const isThere = ['"', "'", "`"].some((quote) => line.includes(`${quote}${title}${quote}`));
    return isThere && !/\.(skip|todo)\(/.test(line);
  });
}

/** The names of the steps in check.mjs. */
function stepsOf(source) {
  return [...source.matchAll(/\bname: "([^"]+)"/g)].map(([, name]) => name);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const textOf = (path) =>
    existsSync(join(here, path)) ? readFileSync(join(here, path), "utf8") : undefined;
  const steps = stepsOf(textOf("scripts/check.mjs"));
  const findings = checklistFindings(textOf(CHECKLIST) ?? "", textOf, steps);
  for (const finding of findings) process.stderr.write(`docs: ${CHECKLIST}: ${finding}\n`);
  process.stdout.write(`docs: ${entries.length} entries of the changelog are looked for in ${CHECKLIST}\n`);
  process.exitCode = findings.length > 0 ? 1 : 0;
}
