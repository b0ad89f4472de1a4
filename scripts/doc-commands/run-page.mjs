// Owns running the lines of one page, one after the other in one folder: what is replaced in them, which need a tool that is not
// here, servers that run beside what follows them, exit codes. Does not own where lines come from, nor the folder.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { freePorts } from "../http/free-ports.mjs";
import { root } from "../workspace.mjs";
import { commandsOf, sessionOf } from "./blocks.mjs";

const LINE_MS = 60_000;
const READY_MS = 20_000;
const NBD_PORT = "10809";
const METRICS_PORT = "9400";
/** What a line may name that not every machine has; everything else is of the base system. */
const TOOLS = ["curl", "nbdcopy", "nbdinfo", "openssl", "qemu-img", "zstd"];
/** Flags that need something which a tool made. */
const NEEDS = [
  [/--snapshot\b/, "qemu-img"],
  [/--tls-cert\b/, "openssl"],
];

/** A page's runner. `images` is the address of the server, `standIns` a folder for PATH, `hasTool(name)` what is here. */
export async function pageRunner({ folder, data, images, standIns, hasTool }) {
  const [nbdPort, metricsPort] = await freePorts(2);
  const env = {
    ...process.env,
    PATH: `${standIns}:${process.env.PATH}`,
    QCOW_DATA_DIR: data,
    QCOW_DOCS_HOST: join(folder, "host"),
    NO_COLOR: "1",
  };
  const place = {
    folder,
    env,
    hasTool,
    replaced: (command) => replaced(command, { images, nbdPort, metricsPort }),
  };
  return (block) => (block.kind === "console" ? runSession(block, place) : runCommands(block, place));
}

/** What cannot be here is replaced: the server, devices, folders of the system, ports, a package to install. */
function replaced(command, { images, nbdPort, metricsPort }) {
  const here = command
    .replaceAll("https://images.example", images)
    .replaceAll(/(?<=[\s=])\/(?=dev\/vg|run\/|var\/)/g, "")
    .replaceAll(/plugins install @qcow\/(plugin-\w+)/g, `plugins link --no-install '${root}/packages/$1'`)
    .replaceAll(new RegExp(`\\b${METRICS_PORT}\\b`, "g"), `${metricsPort}`)
    .replaceAll(new RegExp(`\\b${NBD_PORT}\\b`, "g"), `${nbdPort}`)
    .replaceAll("nbd://127.0.0.1", `nbd://127.0.0.1:${nbdPort}`);
  const choosesNoPort = isServer(here) && !/--(socket|port)\b/.test(here);
  return choosesNoPort ? here.replace("qcow serve", `qcow serve --port ${nbdPort}`) : here;
}

/** Whether a line starts a server that goes on until it is told to end. */
function isServer(command) {
  return command.startsWith("qcow serve ") && !/--(run|once)\b/.test(command);
}

function missingTool(command, hasTool) {
  const words = command.replace(/#.*/, "").split(/[^\w-]+/);
  const wanted = TOOLS.filter((tool) => words.includes(tool));
  for (const [flag, tool] of NEEDS) if (flag.test(command)) wanted.push(tool);
  return wanted.find((tool) => !hasTool(tool));
}

/** Runs the lines of a block; each outcome is `{ line, command }` with `missing` (a tool) or `problem`, or neither. */
async function runCommands(block, { folder, env, hasTool, replaced: toRun }) {
  const outcomes = [];
  let server;
  for (const { line, command, exitCode } of commandsOf(block)) {
    const outcome = { line, command };
    outcomes.push(outcome);
    outcome.missing = missingTool(command, hasTool);
    if (outcome.missing !== undefined) continue;
    if (isServer(command)) {
      // One at a time: two of them might want the same port.
      await server?.end();
      server = await startServer(toRun(command), { folder, env, outcome });
      continue;
    }
    const { code, text } = await runLine(toRun(command), { folder, env });
    if (code !== exitCode) outcome.problem = `exit code ${code} instead of ${exitCode}:\n${text.trimEnd()}`;
  }
  await server?.end();
  return outcomes;
}

/** Runs a recorded session; a step whose output is another one has a `problem` and the `found` output. */
async function runSession(block, { folder, env, replaced: toRun }) {
  const outcomes = [];
  for (const { line, command, output } of sessionOf(block)) {
    const { code, text } = await runLine(toRun(command), { folder, env });
    const found = text.trimEnd();
    const isRecorded = code === 0 && sameOutput(found, output);
    const problem = code !== 0 ? `exit code ${code}:\n${found}` : `prints something else:\n${found}`;
    outcomes.push({ line, command, code, found, ...(isRecorded ? {} : { problem }) });
  }
  return outcomes;
}

/** How much space a file takes depends on the file system that it is on. */
function sameOutput(found, recorded) {
  const [a, b] = [found, recorded].map((text) => text.replace(/^disk size: .*/m, ""));
  return a === b;
}

function start(command, { folder, env }) {
  // bash, for pipefail: a command that fails at the left of a pipe has failed.
  const child = spawn("bash", ["-o", "pipefail", "-c", command], {
    cwd: folder,
    env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const chunks = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => chunks.push(chunk));
  const ended = once(child, "close").then(([code, signal]) => ({
    code: code ?? signal,
    text: Buffer.concat(chunks).toString("utf8"),
  }));
  const kill = (signal) => {
    try {
      process.kill(-child.pid, signal);
    } catch {} // It has ended meanwhile.
  };
  return { child, ended, kill };
}

async function runLine(command, place) {
  const { ended, kill } = start(command, place);
  const timer = setTimeout(() => kill("SIGKILL"), LINE_MS);
  return ended.finally(() => clearTimeout(timer));
}

/** Waits until the server has said its address; `end()` tells it to end, which it has to do with exit code 0. */
async function startServer(command, { outcome, ...place }) {
  const { child, ended, kill } = start(`exec ${command}`, place);
  const ready = once(child.stdout, "data").then(() => "ready");
  const timer = setTimeout(() => kill("SIGKILL"), READY_MS);
  await Promise.race([ready, ended]);
  clearTimeout(timer);
  return {
    async end() {
      kill("SIGTERM");
      const last = setTimeout(() => kill("SIGKILL"), READY_MS);
      const { code, text } = await ended;
      clearTimeout(last);
      if (code !== 0) outcome.problem = `the server ended with ${code}:\n${text.trimEnd()}`;
    },
  };
}
