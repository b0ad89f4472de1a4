// Owns: `npm test`: install and build if needed, the tests of every package and of these scripts, then one summary
// that says what was skipped and why that may be. Does not own: the tests.
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build, turbo } from "./build.mjs";
import { root, runNode, workspacePackages } from "./workspace.mjs";

/** Set in CI: every tool is there, so a test that skips is a fault. */
const toolsRequired = process.env.QCOW_REQUIRE_TOOLS === "1";

/** Where vitest.shared.ts leaves a package's results. */
const resultsOf = (path) => join(path, ".turbo", "vitest.json");

function say(text) {
  process.stdout.write(`${text}\n`);
}

/** Counts of one package's run; `missing` when it left no results. */
function readResults({ folder, path }) {
  if (!existsSync(resultsOf(path))) return { folder, missing: true, passed: 0, failed: 0, skipped: [] };
  const files = JSON.parse(readFileSync(resultsOf(path), "utf8")).testResults;
  const tests = files.flatMap((file) => file.assertionResults);
  const unloadable = files.filter((file) => file.status === "failed" && file.assertionResults.length === 0);
  const withStatus = (...wanted) => tests.filter(({ status }) => wanted.includes(status));
  return {
    folder,
    missing: false,
    passed: withStatus("passed").length,
    failed: withStatus("failed").length + unloadable.length,
    skipped: withStatus("skipped", "pending", "todo", "disabled").map(({ ancestorTitles, fullName }) => ({
      title: fullName,
      group: ancestorTitles.find((ancestor) => ancestor !== "") ?? fullName,
    })),
  };
}

/** One line for each outermost group of skipped tests, with their number. */
function grouped(folder, skipped) {
  const counts = new Map();
  for (const { group } of skipped) counts.set(group, (counts.get(group) ?? 0) + 1);
  return [...counts].map(([group, count]) => `  ${folder}: ${group}${count > 1 ? ` (${count} tests)` : ""}`);
}

async function testPackages(args) {
  const packages = workspacePackages();
  for (const { path } of packages) rmSync(resultsOf(path), { force: true });
  say(`qcow: testing ${packages.length} packages; a package's output is shown only when it fails ...`);
  const { code } = await turbo("test", [
    "--continue=always",
    "--output-logs=errors-only",
    "--concurrency=2",
    ...args,
  ]);
  return { code, results: packages.map(readResults) };
}

async function testScripts() {
  const folder = join(root, "scripts", "test");
  const files = readdirSync(folder).filter((name) => name.endsWith(".test.mjs"));
  const { code, text } = await runNode(
    "--test",
    ["--test-reporter=tap", ...files.map((name) => join(folder, name))],
    { output: "capture" },
  );
  if (code !== 0) say(text);
  const count = (word) => Number(new RegExp(`^# ${word} (\\d+)`, "m").exec(text)?.[1] ?? 0);
  const skipped = [...text.matchAll(/^\s*ok \d+ - (.*) # SKIP/gm)].map(([, title]) => ({
    title,
    group: title,
  }));
  return {
    code,
    results: [{ folder: "scripts", missing: false, passed: count("pass"), failed: count("fail"), skipped }],
  };
}

function summarise(results) {
  say("\n  passed  failed  skipped");
  for (const { folder, missing, passed, failed, skipped } of results) {
    const counts = [passed, failed, skipped.length].map((n, i) => String(n).padStart([8, 8, 9][i])).join("");
    say(missing ? `       -       -        -   ${folder} (did not run)` : `${counts}   ${folder}`);
  }
  const skipped = results.flatMap((result) => grouped(result.folder, result.skipped));
  if (skipped.length === 0) return say("\nNothing was skipped.");
  say(`\nSkipped, because something they need is not here:\n${skipped.join("\n")}`);
}

/** Tests that skip although everything they could ask of the machine is there. */
function unexpectedSkips(results) {
  // No installed tool changes Node's version, or what a container lets root do.
  const titles = results.flatMap(({ skipped }) => skipped.map(({ title }) => title));
  return titles.filter((title) => !/\(needs (Node|loop) ?/.test(title));
}

try {
  await build();
  const packages = await testPackages(process.argv.slice(2));
  const scripts = await testScripts();
  const results = [...packages.results, ...scripts.results];
  summarise(results);
  const unexpected = toolsRequired ? unexpectedSkips(results) : [];
  if (unexpected.length > 0)
    say(`\nQCOW_REQUIRE_TOOLS=1, yet ${unexpected.length} tests were skipped: that is a failure.`);
  process.exitCode = packages.code || scripts.code || (unexpected.length > 0 ? 1 : 0);
  say(process.exitCode === 0 ? "\nAll tests passed." : "\nThere are FAILURES; see above.");
} catch (error) {
  process.stderr.write(`qcow: ${error.message}\n`);
  process.exitCode = 1;
}
