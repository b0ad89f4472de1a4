// Owns a qemu-nbd process: starting it on a Unix socket, in its usual way, and its end.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const LOOK_AGAIN_MS = 20;

/** Resolves once clients may come. `stop()` ends it. */
export async function startQemuNbd(image, { socket, writable, cwd }) {
  const mode = writable ? [] : ["-r"];
  const args = [...mode, "--persistent", "--shared=16", "-f", "qcow2", "-k", socket, image];
  const child = spawn("qemu-nbd", args, { cwd, stdio: ["ignore", "ignore", "inherit"] });
  const ended = once(child, "exit");
  while (!existsSync(socket)) {
    if (child.exitCode !== null) throw new Error(`qemu-nbd ended with ${child.exitCode}`);
    await sleep(LOOK_AGAIN_MS);
  }
  return {
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}
