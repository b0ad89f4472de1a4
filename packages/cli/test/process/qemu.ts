// QEMU's tools beside ours: whether they are here, and running them.

import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";

const isHere = spawnSync("qemu-img", ["--version"], { stdio: "ignore" }).status === 0;

/** Whether tests that need qemu-img are skipped. */
export const skipsQemu = !isHere && process.env.QCOW_REQUIRE_TOOLS !== "1";

/** What qemu-img says; throws when it fails. */
export function qemuImg(cwd: string, ...args: string[]): string {
  return execFileSync("qemu-img", args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** Whether qemu-img finds nothing wrong with an image, leaks included. */
export function isCleanForQemu(cwd: string, image: string): boolean {
  return spawnSync("qemu-img", ["check", "-q", image], { cwd, stdio: "ignore" }).status === 0;
}

/** qemu-io with the image open for writing, until it is disposed of. */
export async function heldByQemu(cwd: string, image: string): Promise<AsyncDisposable> {
  const child = spawn("qemu-io", ["-f", "qcow2", image], { cwd, stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit");
  child.stdin.write("length\n");
  await once(child.stdout, "data");
  return {
    async [Symbol.asyncDispose]() {
      child.stdin.end("quit\n");
      await exited;
    },
  };
}
