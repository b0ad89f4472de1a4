// Owns a few resident processes that run commands, and handing each to one that is idle. What they do is resident-child.mjs.
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

const CHILD = fileURLToPath(new URL("resident-child.mjs", import.meta.url));
const TIME_LIMIT_MS = 120_000;

/** `run(args, { digest, cwd })` ends as `runCommand` does. `cliRoot` is the folder of the program's package. */
export class Residents {
  #idle = [];
  #all = [];
  #waiting = [];
  #cwd;

  constructor(count, { cliRoot, cwd }) {
    this.#cwd = cwd;
    for (let each = 0; each < count; each++) {
      const child = fork(CHILD, [cliRoot], { cwd, serialization: "advanced", execArgv: [] });
      this.#all.push(child);
      this.#idle.push(child);
    }
  }

  async run(args, { digest = false, cwd = this.#cwd } = {}) {
    const child = this.#idle.pop() ?? (await new Promise((resolve) => this.#waiting.push(resolve)));
    const result = await ended(child, { args, digest, cwd });
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.push(child);
    else next(child);
    return result;
  }

  stop() {
    for (const child of this.#all) child.kill();
  }
}

/** A process that ends or hangs fails what it does now, and all that it is given later. */
function ended(child, job) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => child.kill("SIGKILL"), TIME_LIMIT_MS);
    const onExit = () => settle(reject, new Error(`the process ended while it ran ${job.args.join(" ")}`));
    const onMessage = (message) => settle(resolve, { ...message, ...restored(message) });
    const settle = (how, what) => {
      clearTimeout(timer);
      child.off("exit", onExit).off("message", onMessage);
      how(what);
    };
    child.once("exit", onExit).once("message", onMessage);
    if (child.exitCode !== null || child.signalCode !== null || !child.connected) onExit();
    else child.send(job);
  });
}

/** Buffers come as plain arrays of bytes. */
const restored = ({ text }) =>
  text === undefined ? {} : { text: Buffer.from(text.buffer, text.byteOffset, text.byteLength) };
