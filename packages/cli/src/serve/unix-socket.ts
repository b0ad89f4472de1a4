// The path of a Unix socket that is to be listened on. Owns that what a dead server left there is taken away, and nothing else.

import { lstat, rename, unlink } from "node:fs/promises";
import { connect } from "node:net";
import { CommandError } from "@qcow/cli-kit";

/** What `sun_path` has room for, without the zero at its end; some systems have a few bytes more. */
const PATH_BYTES_MAX = process.platform === "linux" ? 107 : 103;

/**
 * Makes room at `path`. Resolves if there was nothing, or the socket of a server that is gone.
 *
 * @throws CommandError `CLI_CANNOT_LISTEN` when a server lives there, or there is something else than a socket.
 */
export async function clearSocketPath(path: string): Promise<void> {
  if (process.platform === "win32") return;
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) {
    const hint = "Go to its folder first, and give a relative path.";
    throw refusal(`${path}: more than ${PATH_BYTES_MAX} bytes are no path of a socket`, hint);
  }
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) throw refusal(`${path} is there already, and is no socket`);
  if (await lives(path)) throw inUse(path);
  // Somebody else may have come to the same conclusion and listen there by now: what is moved away is asked once more.
  const aside = `${path}.${process.pid}`;
  await rename(path, aside);
  if (await lives(aside)) {
    await rename(aside, path);
    throw inUse(path);
  }
  await unlink(aside);
}

/** Whether somebody listens on the socket at `path`; one that may not be asked counts as alive. */
function lives(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (alive: boolean): void => {
      socket.destroy();
      resolve(alive);
    };
    socket.once("connect", () => settle(true));
    socket.once("error", ({ code }: NodeJS.ErrnoException) => settle(code !== "ECONNREFUSED"));
  });
}

function inUse(path: string): CommandError {
  return refusal(`a server listens on ${path} already`);
}

function refusal(message: string, hint?: string): CommandError {
  return new CommandError("CLI_CANNOT_LISTEN", message, { hint });
}
