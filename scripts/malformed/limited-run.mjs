// Owns one run of the CLI on a hostile image: its time, memory and output limits. Judges nothing.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { performance } from "node:perf_hooks";
import { metered } from "../corpus/metered.mjs";

/** What the runs are held to. A disk's contents may be long; anything else that long is itself a defect. */
export const LIMITS = {
  seconds: 10,
  rssBytes: 512 * 1024 * 1024,
  textBytes: 64 * 1024 * 1024,
  contentBytes: 8 * 1024 ** 3,
};

/** First only the program, so that its meter can still report; then whatever is left of its process group. */
const KILL_GROUP_AFTER_MS = 500;

/**
 * Runs a program in its own process group and kills it at a limit; `stopped` then names the limit ("time" or
 * "output"). With `contents: true` stdout is a disk: it is counted and hashed, not kept.
 */
export function limitedRun(file, args, { cwd, env, contents = false }) {
  const meter = metered(file, args);
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const options = { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] };
    const child = spawn(meter.file, meter.args, options);
    meter.started(child.pid);
    let stopped;
    const stop = (why) => {
      stopped ??= why;
      for (const pid of meter.programs(child.pid)) kill(pid);
      setTimeout(kill, KILL_GROUP_AFTER_MS, -child.pid);
    };
    const timer = setTimeout(stop, LIMITS.seconds * 1000, "time");
    const stdout = contents ? contentSink(stop) : textSink(stop);
    const stderr = textSink(stop);
    child.stdout.on("data", stdout.add);
    child.stderr.on("data", stderr.add);
    child.on("error", reject);
    child.on("close", (exit, signal) => {
      clearTimeout(timer);
      const seconds = (performance.now() - began) / 1000;
      const cost = meter.cost();
      resolve({ exit, signal, stopped, seconds, ...cost, stdout: stdout.end(), stderr: stderr.end().text });
    });
  });
}

function kill(pid) {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself in the meantime.
  }
}

function contentSink(stop) {
  const hash = createHash("sha256");
  let bytes = 0;
  return {
    add(chunk) {
      hash.update(chunk);
      bytes += chunk.length;
      if (bytes >= LIMITS.contentBytes) stop("output");
    },
    end: () => ({ bytes, sha256: hash.digest("hex"), text: Buffer.alloc(0) }),
  };
}

function textSink(stop) {
  const chunks = [];
  let bytes = 0;
  return {
    add(chunk) {
      bytes += chunk.length;
      if (bytes > LIMITS.textBytes) stop("output");
      else chunks.push(chunk);
    },
    end: () => ({ bytes, text: Buffer.concat(chunks) }),
  };
}
