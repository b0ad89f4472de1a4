// The address on which a server listens, and what it is called by clients. Owns listening at a place, the messages when that
// fails, and that nothing is left of it afterwards.

import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { CommandError } from "@qcow/cli-kit";
import type { NbdServer } from "@qcow/nbd";
import { type Listener, listen } from "@qcow/nbd/node";
import { type ListenPlace, NBD_PORT } from "./listen-place.js";
import { clearSocketPath } from "./unix-socket.js";

export interface Endpoint {
  /** The path of the Unix socket, absolute; undefined for TCP. */
  readonly socket: string | undefined;
  readonly host: string | undefined;
  readonly port: number | undefined;
  /** The NBD URI of the export `name`. Undefined where a socket was handed over that does not tell its address. */
  uri(name: string): string | undefined;
  /** Accepts no more clients. */
  close(): Promise<void>;
}

export interface EndpointOptions {
  /** Whether the URIs ask for TLS. */
  readonly tls: boolean;
}

/** Listens at `place`. @throws CommandError `CLI_CANNOT_LISTEN` */
export async function openEndpoint(
  server: NbdServer,
  place: ListenPlace,
  { tls }: EndpointOptions,
): Promise<Endpoint> {
  const { path, folder } = await pathOf(place);
  try {
    const listener = await listenAt(server, place, path);
    const address = addressOf(listener.uri, path);
    return {
      ...address,
      uri: (name) => uriOf(address, name, tls),
      close: async () => {
        await listener.close();
        await removed(folder);
      },
    };
  } catch (error) {
    await removed(folder);
    throw error;
  }
}

interface Address {
  readonly socket: string | undefined;
  readonly host: string | undefined;
  readonly port: number | undefined;
}

/** The path to listen on, and the folder that was made for it. */
async function pathOf(place: ListenPlace): Promise<{ path?: string; folder?: string }> {
  if (place.kind === "socket") {
    await clearSocketPath(place.path);
    return { path: place.path };
  }
  if (place.kind !== "private") return {};
  const folder = await mkdtemp(join(tmpdir(), "qcow-serve-"));
  // A second signal ends the program at once, and nobody comes to this folder again.
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return { path: join(folder, "socket"), folder };
}

async function removed(folder: string | undefined): Promise<void> {
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
}

async function listenAt(server: NbdServer, place: ListenPlace, path: string | undefined): Promise<Listener> {
  const where =
    place.kind === "descriptor"
      ? { fd: place.fd }
      : place.kind === "tcp"
        ? { host: place.host, port: place.port }
        : { path };
  try {
    return await listen(server, where);
  } catch (error) {
    throw cannotListen(error, place, path);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "the address is in use",
  EADDRNOTAVAIL: "this machine has no such address",
  // For a socket, the host says the same of a folder that is not there.
  EACCES: "no such folder, or permission denied",
  ENOTFOUND: "the host is unknown",
  EINVAL: "it is no socket that listens",
};

function cannotListen(error: unknown, place: ListenPlace, path: string | undefined): CommandError {
  const { code = "", message } = error as NodeJS.ErrnoException;
  const name =
    place.kind === "tcp"
      ? `port ${place.port} of ${place.host}`
      : place.kind === "descriptor"
        ? "the socket that was handed over"
        : String(path);
  const hint =
    place.kind === "tcp" && code === "EADDRINUSE"
      ? "Choose another port: --port N, 0 for a free one."
      : undefined;
  return new CommandError("CLI_CANNOT_LISTEN", `cannot listen on ${name}: ${REASONS[code] ?? message}`, {
    hint,
    cause: error,
  });
}

/** `uri` is that of the default export, as the listener has it. */
function addressOf(uri: string | undefined, path: string | undefined): Address {
  if (path !== undefined) return { socket: resolve(path), host: undefined, port: undefined };
  if (uri === undefined) return { socket: undefined, host: undefined, port: undefined };
  const { hostname, port, searchParams } = new URL(uri);
  const socket = searchParams.get("socket");
  if (socket !== null) return { socket, host: undefined, port: undefined };
  return { socket: undefined, host: hostname, port: port === "" ? NBD_PORT : Number(port) };
}

function uriOf({ socket, host, port }: Address, name: string, tls: boolean): string | undefined {
  const scheme = tls ? "nbds" : "nbd";
  const path = encodeURIComponent(name);
  if (socket !== undefined) {
    const parameter = encodeURIComponent(socket).replaceAll("%2F", "/");
    return `${scheme}+unix:///${path}?socket=${parameter}`;
  }
  if (host === undefined) return undefined;
  const authority = port === NBD_PORT ? host : `${host}:${port}`;
  return name === "" ? `${scheme}://${authority}` : `${scheme}://${authority}/${path}`;
}
