// Owns learning what a program cost: peak memory, and with GNU time also its CPU. Does not start anything itself.
import { accessSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const GNU_TIME = "/usr/bin/time";
const POLL_MS = 20;
let serial = 0;

/** Whether CPU times are to be had: only GNU time reports them. */
export const knowsCpu = (() => {
  try {
    accessSync(GNU_TIME);
    return true;
  } catch {
    return false;
  }
})();

/**
 * How to start a program so that its cost is known: spawn `file` with `args` and call `started(pid)`; after it
 * ended, `cost()` gives `{ peakRssBytes, userS, sysS }`. To end it early, kill `programs(pid)`. GNU time reports
 * what the kernel counted; where it is missing, the kernel's high-water mark is polled, which misses only growth
 * in the last 20 ms.
 */
export function metered(file, args) {
  return knowsCpu ? byGnuTime(file, args) : byPolling(file, args);
}

function byGnuTime(file, args) {
  const report = join(tmpdir(), `qcow-cost-${process.pid}-${serial++}`);
  const cost = () => {
    const last = readFileSync(report, "utf8").trim().split("\n").at(-1);
    rmSync(report, { force: true });
    const [kib, userS, sysS] = last.split(" ").map(Number);
    return { peakRssBytes: kib * 1024, userS, sysS };
  };
  return {
    file: GNU_TIME,
    args: ["-q", "-f", "%M %U %S", "-o", report, file, ...args],
    started() {},
    programs: childrenOf,
    cost: () => attempt(cost) ?? { peakRssBytes: undefined },
  };
}

function childrenOf(pid) {
  const children = attempt(() => readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")) ?? "";
  return children.split(" ").filter(Boolean).map(Number);
}

/** A program killed together with its meter leaves no report. */
function attempt(cost) {
  try {
    return cost();
  } catch {
    return undefined;
  }
}

function byPolling(file, args) {
  let peakRssBytes = 0;
  let timer;
  const look = (pid) => {
    const status = attempt(() => readFileSync(`/proc/${pid}/status`, "utf8"));
    const kib = /^VmHWM:\s+(\d+) kB$/m.exec(status ?? "")?.[1];
    if (kib !== undefined) peakRssBytes = Math.max(peakRssBytes, Number(kib) * 1024);
  };
  return {
    file,
    args,
    programs: (pid) => [pid],
    started(pid) {
      timer = setInterval(look, POLL_MS, pid);
    },
    cost() {
      clearInterval(timer);
      return { peakRssBytes };
    },
  };
}
