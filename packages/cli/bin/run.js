#!/usr/bin/env node
"use strict";
// The entry of `qcow` and `qcow-tool`. There are two ways, to the same commands:
// - direct: one bundle with its compiled code beside it. Start-up is what a small command costs most.
// - whole: oclif with its plugins, from many files. For help, version, completion, the commands of plugins,
//   whenever plugins are installed (they may add backends and hooks), and for --debug (readable stacks).
// The bundle has its own copies of @oclif/core and @qcow/cli-kit, which a plugin's command must not meet:
// the two never run in the same process.
const { existsSync, readFileSync } = require("node:fs");
const { homedir } = require("node:os");
const { join } = require("node:path");

const root = join(__dirname, "..");
const [command, ...rest] = process.argv.slice(2);

/** Options that are answered by oclif itself, or want it. */
const WHOLE = new Set(["--help", "-h", "--debug"]);

function mayGoDirect() {
  const end = rest.indexOf("--");
  const words = end === -1 ? rest : rest.slice(0, end);
  return !words.some((word) => WHOLE.has(word)) && !hasPlugins();
}

/** Whether the user has installed or linked plugins; true when it cannot be told, so that oclif can complain. */
function hasPlugins() {
  const list = join(dataFolder(), "package.json");
  if (!existsSync(list)) return false;
  try {
    const { oclif } = JSON.parse(readFileSync(list, "utf8"));
    return (oclif?.plugins ?? []).length > 0;
  } catch {
    return true;
  }
}

/** Where oclif keeps what the user has installed. */
function dataFolder() {
  const { QCOW_DATA_DIR, XDG_DATA_HOME, LOCALAPPDATA } = process.env;
  if (QCOW_DATA_DIR) return QCOW_DATA_DIR;
  if (XDG_DATA_HOME) return join(XDG_DATA_HOME, "qcow");
  if (process.platform === "win32" && LOCALAPPDATA) return join(LOCALAPPDATA, "qcow");
  return join(process.env.HOME || homedir(), ".local", "share", "qcow");
}

async function start() {
  const direct = command !== undefined && mayGoDirect() ? bundle() : undefined;
  if (direct !== undefined && Object.hasOwn(direct.COMMANDS, command)) {
    const { name, version } = require("../package.json");
    await direct.runDirect(command, rest, { root, name, version });
    return leave();
  }
  const { main } = await import("../dist/main.js");
  return main(process.argv.slice(2), root);
}

/** Ends the process, unless a reader still has to take something: taking it apart first costs a fifth of a small command's time. */
function leave() {
  if (process.stdout.writableLength + process.stderr.writableLength === 0) process.exit();
}

/** The bundle; undefined when it was not built. */
function bundle() {
  if (!existsSync(join(root, "dist", "direct.cjs"))) return undefined;
  return require("./load-direct.js").loadDirect(root);
}

start().catch((error) => {
  process.stderr.write(`qcow: internal error: ${error?.message} (CLI_BUG)\n${error?.stack}\n`);
  process.exitCode = 70;
});
