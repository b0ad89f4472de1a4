// Accepts connections on a socket of the system and hands them to a server. Owns the listening, and the address that
// clients use.

import { createServer, type ListenOptions as NetListenOptions, type Server } from "node:net";
import type { NbdServer } from "../nbd-server.js";
import { socketStream } from "./socket-stream.js";

/** The port that clients take when none is said. */
const NBD_PORT = 10809;
/** After so much silence the system asks whether the peer is still there, in milliseconds. */
const KEEP_ALIVE_MS = 60_000;

export interface ListenOptions {
  /** Path of a Unix socket, which must not exist; or else */
  readonly path?: string | undefined;
  /** a host, this one alone (127.0.0.1) by default, */
  readonly host?: string | undefined;
  /** and a port, 10809 by default; 0 for one that is free; or else */
  readonly port?: number | undefined;
  /** a descriptor that listens already, as systemd hands over. */
  readonly fd?: number | undefined;
}

export interface Listener extends AsyncDisposable {
  /** The address of the default export, as NBD clients take it; undefined for a descriptor that says nothing about itself. */
  readonly uri: string | undefined;
  /** Accepts no more connections; those there are stay. Closing again does nothing. */
  close(): Promise<void>;
}

/** Serves the exports of `server` to whoever connects; rejects when the address cannot be had. */
export async function listen(server: NbdServer, options: ListenOptions = {}): Promise<Listener> {
  const sockets = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    void server.serve(socketStream(socket));
  });
  await new Promise<void>((resolve, reject) => {
    sockets.once("error", reject);
    sockets.listen(placeOf(options), () => {
      sockets.off("error", reject);
      resolve();
    });
  });
  // Failing to accept one connection, for want of descriptors, must not end the process.
  sockets.on("error", () => undefined);
  const close = () => closed(sockets);
  return { uri: uriOf(sockets), close, [Symbol.asyncDispose]: close };
}

function placeOf({ path, host, port, fd }: ListenOptions): NetListenOptions & { fd?: number } {
  if (fd !== undefined) return { fd };
  if (path !== undefined) return { path };
  return { host: host ?? "127.0.0.1", port: port ?? NBD_PORT };
}

/** Resolves when nothing is accepted any more; connections there are keep Node's own promise of it from resolving. */
async function closed(sockets: Server): Promise<void> {
  if (sockets.listening) sockets.close();
}

function uriOf(sockets: Server): string | undefined {
  const address = sockets.address();
  if (address === null) return undefined;
  if (typeof address === "string")
    return `nbd+unix:///?socket=${encodeURIComponent(address).replaceAll("%2F", "/")}`;
  const host = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return address.port === NBD_PORT ? `nbd://${host}` : `nbd://${host}:${address.port}`;
}
