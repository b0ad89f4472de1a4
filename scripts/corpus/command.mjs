// Owns one run of a program: exit code, output kept or digested, a time limit. Does not judge what came out.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";

const TIME_LIMIT_MS = 120_000;
const TEXT_LIMIT_BYTES = 256 * 1024 * 1024;

/**
 * Runs `file` with `args` in `cwd`. With `digest: true` stdout becomes a SHA-256 and a byte count, so that a
 * disk's contents never sit in memory; otherwise it is kept as a Buffer. Never rejects for a failing program.
 */
export function runCommand(file, args, { cwd, env, digest = false, timeLimitMs = TIME_LIMIT_MS } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    const stdout = digest ? digestSink() : textSink(child);
    const stderr = textSink(child);
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill("SIGKILL");
    }, timeLimitMs);
    child.stdout.on("data", stdout.add);
    child.stderr.on("data", stderr.add);
    child.on("error", reject);
    child.on("close", (exit, signal) => {
      clearTimeout(timer);
      const ended = { exit, signal, timedOut, stderr: stderr.end().text.toString() };
      resolve({ ...ended, ...stdout.end() });
    });
  });
}

function digestSink() {
  const hash = createHash("sha256");
  let bytes = 0;
  return {
    add(chunk) {
      hash.update(chunk);
      bytes += chunk.length;
    },
    end: () => ({ sha256: hash.digest("hex"), bytes }),
  };
}

function textSink(child) {
  const chunks = [];
  let bytes = 0;
  return {
    add(chunk) {
      bytes += chunk.length;
      if (bytes > TEXT_LIMIT_BYTES) child.kill("SIGKILL");
      else chunks.push(chunk);
    },
    end: () => ({ text: Buffer.concat(chunks), bytes }),
  };
}

/** One line saying how a run ended, for reports: exit code or signal, then the first line of stderr. */
export function howItEnded(run) {
  const end = run.timedOut ? "time limit" : run.signal ? `signal ${run.signal}` : `exit ${run.exit}`;
  const line = run.stderr.split("\n", 1)[0];
  return line ? `${end}: ${line.slice(0, 300)}` : end;
}
