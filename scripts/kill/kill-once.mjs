// Owns one run: fresh files, the command, the signal at its moment, and the judgement. When the command was faster than
// the signal, it is run again with an earlier moment.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { judge } from "./judge.mjs";

const PROGRAM = fileURLToPath(new URL("../../packages/cli/bin/run.js", import.meta.url));
const ATTEMPTS = 6;
const INTERRUPTED = 130;

/** How long the commands take, in ms: until they report progress, and from then on. Learnt from runs that came to their end. */
const durations = new Map();

/** Runs and judges; resolves with what was left, and what is wrong, if anything is. */
export async function killOnce(one, folder) {
  const place = join(folder, `run-${one.index}`);
  try {
    const key = `${one.command} ${one.name}`;
    if (!durations.has(key)) {
      const whole = await attempt(one, place, undefined);
      await judge(one, place, whole);
      durations.set(key, whole.took);
    }
    const ended = await endedEarly(one, place, durations.get(key));
    const landed = hasLanded(ended);
    try {
      return { ...one, landed, left: await judge(one, place, ended) };
    } catch (error) {
      const problem = `${ended.code ?? ended.signal}: ${error.message}\n${ended.stderr}`;
      return { ...one, landed, left: "wrong", problem };
    }
  } catch (error) {
    return { ...one, landed: false, left: "unknown", problem: error.stack };
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

async function endedEarly(one, place, duration) {
  for (let count = 1, { moment } = one; ; count++, moment *= 0.7) {
    const ended = await attempt(one, place, { duration, moment });
    if (hasLanded(ended) || count === ATTEMPTS) return ended;
  }
}

function hasLanded({ code, signal }) {
  return signal !== null || code === INTERRUPTED;
}

async function attempt(one, place, plan) {
  await rm(place, { recursive: true, force: true });
  await mkdir(place);
  return await runAndKill(await one.start(place), one, plan);
}

/** Without a plan nothing is killed, and the time is taken. */
async function runAndKill(args, { signal, early }, plan) {
  const child = spawn(process.execPath, [PROGRAM, ...args, "--progress-fd", "3"], {
    stdio: ["ignore", "ignore", "pipe", "pipe"],
  });
  const began = performance.now();
  let stderr = "";
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const exited = once(child, "close");
  const progress = once(child.stdio[3], "data").then(() => performance.now() - began);
  child.stdio[3].resume();
  const started = await Promise.race([
    plan === undefined || !early ? progress : sleep(plan.moment * plan.duration.start),
    exited,
  ]);
  if (plan !== undefined) {
    if (!early) await Promise.race([sleep(plan.moment * plan.duration.work), exited]);
    child.kill(signal);
  }
  const [code, killedBy] = await exited;
  const whole = performance.now() - began;
  const start = typeof started === "number" ? started : whole;
  return { code, signal: killedBy, stderr, took: { start, work: whole - start } };
}
