// Where `qcow serve` listens, as flags and systemd say it. Owns the choice and its defaults; listening is endpoint.ts.

import { CommandError } from "@qcow/cli-kit";

export type ListenPlace =
  | { readonly kind: "socket"; readonly path: string }
  /** A Unix socket in a folder that nobody else may enter, gone afterwards. */
  | { readonly kind: "private" }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  /** A socket that listens already. */
  | { readonly kind: "descriptor"; readonly fd: number };

export interface PlaceFlags {
  readonly socket?: string | undefined;
  readonly port?: number | undefined;
  readonly host?: string | undefined;
  readonly run?: string | undefined;
}

export const LOOPBACK = "127.0.0.1";
/** What clients take when no port is said. */
export const NBD_PORT = 10809;
/** The first descriptor that is handed over (sd_listen_fds(3)). */
const FIRST_DESCRIPTOR = 3;

/** @throws CommandError `CLI_USAGE` for flags that contradict each other, or what was handed over. */
export function listenPlace(flags: PlaceFlags, environment: NodeJS.ProcessEnv, pid: number): ListenPlace {
  const { socket, port, host, run } = flags;
  const isTcp = port !== undefined || host !== undefined;
  if (socket !== undefined && isTcp) throw usage("--socket cannot be mixed with --port and --host");
  const descriptors = descriptorsFor(environment, pid);
  if (descriptors > 0) {
    if (socket !== undefined || isTcp || run !== undefined)
      throw usage("a socket was handed over (LISTEN_FDS): --socket, --port, --host and --run cannot be used");
    if (descriptors > 1)
      throw usage(`${descriptors} sockets were handed over (LISTEN_FDS); one can be served`);
    return { kind: "descriptor", fd: FIRST_DESCRIPTOR };
  }
  if (socket !== undefined) return { kind: "socket", path: socket };
  if (run !== undefined && !isTcp) return { kind: "private" };
  return { kind: "tcp", host: host ?? LOOPBACK, port: port ?? NBD_PORT };
}

/** How many sockets were handed over to this process; what its parents got is not for it. */
function descriptorsFor({ LISTEN_FDS, LISTEN_PID }: NodeJS.ProcessEnv, pid: number): number {
  if (LISTEN_FDS === undefined || LISTEN_PID !== String(pid)) return 0;
  return /^\d+$/.test(LISTEN_FDS) ? Number(LISTEN_FDS) : 0;
}

/** Whether only this machine can connect to `host`. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function usage(message: string): CommandError {
  return new CommandError("CLI_USAGE", message);
}
