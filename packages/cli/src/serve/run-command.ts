// `--run`: a command of the user's that runs while a server does, with the server's address in its environment, as nbdkit has
// it. Owns the variables, and how the command ended as an exit code.

import { spawn } from "node:child_process";
import { constants } from "node:os";
import { CommandError } from "@qcow/cli-kit";
import type { Endpoint } from "./endpoint.js";

/** What shells add to the number of the signal that ended a command. */
const SIGNALLED = 128;

/** Variables that name the export `name` at `endpoint`. */
export function runVariables(endpoint: Endpoint, name: string): Record<string, string> {
  const { socket, host, port } = endpoint;
  const place = socket === undefined ? `nbd:${host}:${port}` : `nbd:unix:${socket}`;
  return {
    uri: endpoint.uri(name) ?? "",
    unixsocket: socket ?? "",
    port: port === undefined ? "" : String(port),
    nbd: name === "" ? place : `${place}:exportname=${name}`,
    exportname: name,
  };
}

/** Runs `command` in sh; resolves with its exit code. When `signal` aborts, it is asked to end, with all that it has started. */
export function runCommand(
  command: string,
  variables: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<number> {
  // A group of its own, so that one signal reaches all of it. Not where it may read from a terminal, whose foreground it
  // would no longer be in; there, the terminal's own signals reach all of it.
  const isGroup = !process.stdin.isTTY && process.platform !== "win32";
  const child = spawn("sh", ["-c", command], {
    env: { ...process.env, ...variables },
    stdio: "inherit",
    detached: isGroup,
  });
  const onAbort = (): void => {
    if (isGroup && child.pid !== undefined) endGroup(child.pid);
    else child.kill("SIGTERM");
  };
  signal.addEventListener("abort", onAbort, { once: true });
  return new Promise<number>((resolve, reject) => {
    child.once("error", (cause) => reject(new CommandError("CLI_FAILED", "cannot run sh", { cause })));
    child.once("exit", (code, name) =>
      resolve(code ?? SIGNALLED + (name === null ? 0 : constants.signals[name])),
    );
  }).finally(() => signal.removeEventListener("abort", onAbort));
}

function endGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGTERM");
  } catch {
    // It has ended already.
  }
}
