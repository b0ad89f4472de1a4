// Whether what some tests need is on this machine, and QEMU as a program that holds an image.

import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { loadLibc } from "../src/libc.js";

/** Whether a program of QEMU is installed. */
export function hasTool(name: string): boolean {
  return spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0;
}

/** The host's own calls: undefined on other systems, and where koffi was not installed. */
export const libc = await loadLibc();

/** What a program says, and how it ends. */
export function outcomeOf(program: string, ...args: string[]): { status: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  return { status, text: `${stdout}${stderr}` };
}

export function makeImage(path: string): string {
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", path, "1M"]);
  return path;
}

/** qemu-io with the image open, until it is disposed of. */
export async function heldByQemuIo(path: string, ...options: string[]): Promise<AsyncDisposable> {
  const child = spawn("qemu-io", ["-f", "qcow2", ...options, path], { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit");
  child.stdin?.write("length\n");
  await seen(child, "1 MiB");
  return {
    async [Symbol.asyncDispose]() {
      child.stdin?.end("quit\n");
      await exited;
    },
  };
}

async function seen(child: ChildProcess, text: string): Promise<void> {
  let output = "";
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes(text)) resolve();
    });
    child.once("exit", () => reject(new Error(`ended early: ${output}`)));
  });
}
