// Owns what the no-external cases name outside themselves, and finding it in a trace of system calls.
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { resolve } from "node:path";

/**
 * `outside`: no command may touch it. `uninspected`: info and check may not touch it, though it lies in the
 * image's own folder. `unopened`: map and decode may look at it but not open it, since it is a fifo.
 */
const NAMED = {
  "backing-etc-passwd": { outside: ["/etc/passwd"] },
  "backing-dotdot": { outside: ["/etc/hostname"] },
  "backing-no-format-probe": { outside: ["/etc/hostname"], uninspected: ["probe-trap.raw"] },
  "backing-json": { outside: ["/etc/passwd"] },
  "backing-nbd-uri": { outside: [] },
  "backing-http-uri": { outside: [] },
  "backing-ssh-uri": { outside: [] },
  "backing-fd": { outside: ["/dev/fd/0", "/proc/self/fd/0", "/dev/stdin"] },
  "datafile-etc-passwd": { outside: ["/etc/passwd"] },
  "datafile-json": { outside: ["/etc/passwd"] },
  "datafile-nbd": { outside: [] },
  "datafile-fifo": { outside: [], uninspected: ["trap.fifo"], unopened: ["trap.fifo"] },
  "datafile-self": { outside: [] },
  "datafile-ext-no-bit": { outside: ["/etc/passwd"] },
};

const CALL = /^\d+\s+(\w+)\((.*)$/;
const QUOTED = /"((?:[^"\\]|\\.)*)"/g;
const OPENS = ["open", "openat", "openat2", "creat"];
const SCHEME = /(^|\/)(json|nbd|http|ssh):/;

/** Whether strace is installed and allowed to trace. */
export function canTrace() {
  try {
    execFileSync("strace", ["-qq", "-o", "/dev/null", "true"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** The command line that runs `file` under strace, recording file names and network calls in `log`. */
export const traced = (log, file, args) => [
  "strace",
  ["-f", "-qq", "-s", "4096", "-e", "trace=%file,%network", "-e", "signal=none", "-o", log, file, ...args],
];

/** Lines naming each forbidden thing that a traced run did; the log is read and removed. */
export function externalTouches(testCase, command, folder, log) {
  const named = NAMED[testCase.name];
  const calls = readFileSync(log, "latin1").split("\n").flatMap(parsedCall);
  rmSync(log, { force: true });
  if (named === undefined) return [`the judge does not know what ${testCase.name} names`];
  if (calls.length === 0) return ["the trace is empty"];
  const absolute = (names = []) => names.map((name) => resolve(folder, name));
  const inspects = command === "info" || command === "check";
  const untouchable = absolute([...named.outside, ...((inspects && named.uninspected) || [])]);
  const unopened = inspects ? [] : absolute(named.unopened);
  const found = calls.flatMap((call) => badCall(call, folder, untouchable, unopened));
  const programs = calls.filter((call) => call.name === "execve").length;
  return [
    ...new Set(found),
    ...(programs > 1 ? [`tried ${programs - 1} times to start another program`] : []),
  ];
}

function parsedCall(line) {
  const match = CALL.exec(line);
  return match ? [{ name: match[1], rest: match[2] }] : [];
}

function badCall({ name, rest }, folder, untouchable, unopened) {
  if (name === "execve") return [];
  if (/sa_family=AF_INET/.test(rest)) return [`${name} to the network`];
  const forbidden = OPENS.includes(name) ? [...untouchable, ...unopened] : untouchable;
  return [...rest.matchAll(QUOTED)]
    .filter(([, path]) => forbidden.includes(resolve(folder, path)) || SCHEME.test(path))
    .map(([, path]) => `${name} of ${path}`);
}
