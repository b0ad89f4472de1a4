// Owns judging one malformed image: the four commands under limits, once more under strace where the case names
// something outside itself, then the repair of a copy.
import { join } from "node:path";
import { fingerprints, touched } from "../corpus/fingerprint.mjs";
import { unmetDemands } from "./demands.mjs";
import { externalTouches, traced } from "./external-names.mjs";
import { limitedRun } from "./limited-run.mjs";
import { badManners } from "./manners.mjs";
import { judgeRepair } from "./repair.mjs";

const COMMANDS = {
  info: (file) => ["info", file],
  check: (file) => ["check", file],
  map: (file) => ["map", file],
  decode: (file) => ["decode", file, "-"],
};

/** The commands in the order of the table. */
export const commandNames = Object.keys(COMMANDS);

/** Runs a case; `violations` is empty when it satisfies its `must` line. */
export async function judge(testCase, { folder, scratch, cliPath, qemu, trace }) {
  const env = quietEnvironment(scratch);
  const before = await fingerprints(folder, [testCase.file]);
  const runs = {};
  for (const [command, args] of Object.entries(COMMANDS)) {
    const options = { cwd: folder, env, contents: command === "decode" };
    runs[command] = await limitedRun(process.execPath, [cliPath, ...args(testCase.file)], options);
  }
  const violations = commandNames.flatMap((command) =>
    badManners(command, runs[command]).map((line) => `${command}: ${line}`),
  );
  violations.push(...unmetDemands(testCase, { runs, qemu }));
  if (trace && testCase.kind === "no-external") {
    violations.push(...(await tracedRuns(testCase, { folder, scratch, cliPath, env })));
  }
  const repair = await judgeRepair(testCase, { folder, scratch, cliPath, env, qemu, decoded: runs.decode });
  violations.push(...repair.violations);
  violations.push(...touched(before, await fingerprints(folder, [testCase.file])));
  return { testCase, runs, violations };
}

async function tracedRuns(testCase, { folder, scratch, cliPath, env }) {
  const found = [];
  for (const [command, args] of Object.entries(COMMANDS)) {
    const log = join(scratch, `${testCase.name}.${command}.trace`);
    const [file, argv] = traced(log, process.execPath, [cliPath, ...args(testCase.file)]);
    await limitedRun(file, argv, { cwd: folder, env, contents: command === "decode" });
    const lines = externalTouches(testCase, command, folder, log);
    found.push(...lines.map((line) => `${command} under strace: ${line}`));
  }
  return found;
}

/** With HOME and SHELL set nobody has to look them up in /etc/passwd; with io_uring off strace sees every open. */
const quietEnvironment = (home) => ({
  PATH: process.env.PATH,
  HOME: home,
  SHELL: "/bin/sh",
  LANG: "C.UTF-8",
  UV_USE_IO_URING: "0",
});
