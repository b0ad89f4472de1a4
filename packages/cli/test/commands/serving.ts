// `qcow serve` as a process, and real clients of it.

import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { promisify } from "node:util";
import { PROGRAM } from "../process/run-qcow.js";

const run = promisify(execFile);

/** Whether to skip tests that need `tool`. */
export function skips(tool: string): boolean {
  const isHere = spawnSync(tool, ["--version"], { stdio: "ignore" }).error === undefined;
  return !isHere && process.env.QCOW_REQUIRE_TOOLS !== "1";
}

/** What a client prints; rejects when it fails, or hangs. */
export async function outputOf(tool: string, ...args: string[]): Promise<string> {
  const { stdout } = await run(tool, args, { timeout: 50_000, maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

/** What qemu-io says about `commands` at `uri`; it tells of failures in words. */
export function qemuIo(uri: string, ...commands: string[]): Promise<string> {
  return outputOf("qemu-io", "-f", "raw", ...commands.flatMap((each) => ["-c", each]), uri);
}

export interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A server that is ended at the end of the block at the latest. */
export class Serving implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  #stdout = "";
  #stderr = "";

  private constructor(cwd: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    this.child = spawn(process.execPath, [PROGRAM, "serve", ...args], {
      cwd,
      env: { ...process.env, NO_COLOR: "1", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child.stdout?.on("data", (chunk) => {
      this.#stdout += chunk;
    });
    this.child.stderr?.on("data", (chunk) => {
      this.#stderr += chunk;
    });
    this.ended = new Promise((resolve) => {
      this.child.once("close", (exitCode) =>
        resolve({ exitCode, stdout: this.#stdout, stderr: this.#stderr }),
      );
    });
  }

  /** Resolves once it has said where it listens; rejects with what it says when it ends before that. */
  static async start(cwd: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Serving> {
    const serving = new Serving(cwd, args, env);
    await new Promise<void>((resolve, reject) => {
      serving.child.stdout?.on("data", () => serving.#stdout.endsWith("\n") && resolve());
      void serving.ended.then(({ stderr }) => reject(new Error(stderr)));
    });
    return serving;
  }

  /** What it has printed on stdout so far, by lines. */
  get lines(): string[] {
    return this.#stdout.trimEnd().split("\n");
  }

  /** The address of the first export. */
  get uri(): string {
    return this.lines[0] as string;
  }

  /** Sends a signal and waits for the end. */
  end(signal: NodeJS.Signals = "SIGTERM"): Promise<Ended> {
    this.child.kill(signal);
    return this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGKILL");
    await this.ended;
  }
}
