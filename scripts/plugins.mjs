#!/usr/bin/env node
// Owns the proof that plugins work as users have them: the program and all packages are packed and installed as they would be
// published, then `qcow plugins install file:…` installs each plugin's tarball into a data folder, and what it adds is used.
// Packages that are not published yet are found by overrides in that folder; everything else comes from npm's registry.
//
//   node scripts/plugins.mjs
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { installPacked, packAll, withTemporaryFolder } from "./pack.mjs";
import { root } from "./workspace.mjs";

const EXAMPLE = join(root, "packages/cli-kit/examples/plugin-split");
const PLUGIN = /^@qcow\/plugin-/;
const USAGE = 64;
const failures = [];
const started = performance.now();

await withTemporaryFolder(async (folder) => {
  const packed = await packAll(folder);
  const project = join(folder, "project");
  tell("packed");
  await installPacked(packed, project);
  tell("installed");
  copyFileSync(join(root, "sample/disk.qcow2"), join(project, "disk.qcow2"));
  const data = dataFolder(folder, packed);
  const qcow = (...args) => runQcow(project, data, args);

  const tarballs = packed.filter(({ manifest }) => PLUGIN.test(manifest.name)).map(({ tarball }) => tarball);
  for (const tarball of [packExample(folder), ...tarballs]) {
    const { status, stderr } = qcow("plugins", "install", `file:${tarball}`);
    if (status !== 0) failures.push(`${tarball} is not installed: ${stderr.trim()}`);
    tell(`installed ${basename(tarball)} as a plugin`);
  }
  useSplit(qcow, project);
  usePrometheus(qcow, project);
  useDehydrate(qcow, project);
  leave(qcow);
});
for (const failure of failures) console.log(`FAILED: ${failure}`);
tell("done");
process.exitCode = failures.length > 0 ? 1 : 0;

function tell(what) {
  console.log(`${((performance.now() - started) / 1000).toFixed(1)} s: ${what}`);
}

/** Where oclif keeps plugins. npm takes overrides from there, for all that a plugin depends on. */
function dataFolder(folder, packed) {
  const data = join(folder, "data");
  mkdirSync(data);
  const unpublished = packed.filter(({ manifest }) => !PLUGIN.test(manifest.name));
  const overrides = Object.fromEntries(
    unpublished.map(({ manifest, tarball }) => [manifest.name, `file:${tarball}`]),
  );
  const manifest = { name: "qcow", private: true, overrides, oclif: { schema: 1, plugins: [] } };
  writeFileSync(join(data, "package.json"), JSON.stringify(manifest));
  return data;
}

function runQcow(project, data, args) {
  const program = join(project, "node_modules/qcow/bin/run.js");
  const env = { ...process.env, QCOW_DATA_DIR: data, NO_COLOR: "1" };
  return spawnSync(process.execPath, [program, ...args], { cwd: project, env, encoding: "utf8" });
}

/** The example is no package of the workspace; npm packs it. */
function packExample(folder) {
  const destination = join(folder, "example");
  mkdirSync(destination);
  const args = ["pack", "--silent", "--pack-destination", destination];
  const name = execFileSync("npm", args, { cwd: EXAMPLE, encoding: "utf8" }).trim();
  return join(destination, name);
}

/** Fails unless `ran` ended with `status`, and `stdout` fits. */
function expectRan(what, ran, status, stdout = /^/) {
  if (ran.status === status && stdout.test(ran.stdout) && !/\bWarning\b/.test(ran.stderr))
    return console.log(`${what}: yes`);
  failures.push(`${what}: exit ${ran.status}, ${ran.stderr.trim() || ran.stdout.slice(0, 500)}`);
}

function useSplit(qcow, project) {
  const whole = readFileSync(join(project, "disk.qcow2"));
  const half = whole.length >> 1;
  writeFileSync(join(project, "cut.qcow2.000"), whole.subarray(0, half));
  writeFileSync(join(project, "cut.qcow2.001"), whole.subarray(half));
  const pieces = "split://cut.qcow2";
  expectRan("an image in pieces has a header", qcow("info", pieces, "--filter", ".size"), 0, /^8388608\n$/);
  const digest = qcow("sha", "disk.qcow2").stdout;
  expectRan("and the contents that it had", qcow("sha", pieces), 0, new RegExp(`^${digest}$`));
  expectRan("a missing one is no bug", qcow("info", "split://nothing.qcow2"), 1);
}

function usePrometheus(qcow, project) {
  expectRan(
    "help shows a plugin's flags",
    qcow("serve", "--help"),
    0,
    /--metrics-file=PATH[\s\S]*--metrics-port=N/,
  );
  expectRan("metrics of an image in pieces", qcow("sha", "split://cut.qcow2", "--metrics-file=sha.prom"), 0);
  const text = existsSync(join(project, "sha.prom")) ? readFileSync(join(project, "sha.prom"), "utf8") : "";
  const wanted = [
    'qcow_read_bytes_total{id="cut.qcow2",command="sha"} 8388608',
    'qcow_command_success{command="sha"} 1',
  ];
  for (const line of wanted)
    if (!text.includes(`\n${line}\n`)) failures.push(`the file of metrics has no ${line}`);
  expectRan(
    "a bad flag of a plugin is a matter of usage",
    qcow("info", "disk.qcow2", "--metrics-push=x"),
    USAGE,
  );
}

function useDehydrate(qcow, project) {
  expectRan("a command of a plugin", qcow("dehydrate", "disk.qcow2", "part"), 0);
  expectRan("and its opposite", qcow("rehydrate", "part", "again.qcow2"), 0);
  const [before, after] = ["disk.qcow2", "again.qcow2"].map((image) => qcow("map", image, "--json").stdout);
  if (before !== after) failures.push("a dehydrated image has another map");
  expectRan("commands of plugins have the flags of others", qcow("dehydrate", "--help"), 0, /--metrics-file/);
  if (!existsSync(join(project, "part.map"))) failures.push("dehydrate has written no map");
}

function leave(qcow) {
  const installed = ["qcow-plugin-split", "@qcow/plugin-dehydrate", "@qcow/plugin-prometheus"];
  const { stdout } = qcow("plugins");
  for (const name of installed) if (!stdout.includes(name)) failures.push(`${name} is not listed: ${stdout}`);
  qcow("plugins", "uninstall", ...installed);
  expectRan("what is uninstalled is gone", qcow("info", "disk.qcow2", "--metrics-file=x"), USAGE);
  expectRan("and so is its scheme", qcow("info", "split://cut.qcow2"), 1);
}
