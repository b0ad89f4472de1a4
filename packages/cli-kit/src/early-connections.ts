// Connections that are opened before anybody needs them, while the first answer is under way: those who then ask for many
// ranges at once wait for no handshake. Owns connections that nobody has used yet; whoever takes one owns it.

import type { Socket } from "node:net";
import { yieldToHost } from "@qcow/block";

interface Server {
  readonly host?: string | null | undefined;
  readonly port?: number | string | null | undefined;
}

const unused = new Map<string, Socket[]>();
const all = new WeakSet<object>();

/** What names a proxy, which decides on connections then. */
const PROXY_VARIABLES = ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"];

/** Whether the environment names a proxy. */
export function hasProxy(environment: Readonly<Record<string, string | undefined>>): boolean {
  return PROXY_VARIABLES.some((name) => (environment[name] ?? "") !== "");
}

/**
 * Opens a connection to the server of the first of `words` that is an http: or https: URL, and lets the host begin with
 * it: for before a program is loaded that will want it. Does nothing where a proxy decides.
 */
export async function connectAhead(
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const url = words.find((word) => /^https?:/i.test(word) && URL.canParse(word));
  if (url === undefined || hasProxy(environment)) return;
  await connectEarly(new URL(url), 1);
  // Node.js begins to connect once what is going on now has ended, and loading a program would go on.
  await yieldToHost();
}

/**
 * Opens connections to the server of `url`, so that `count` are unused, however many files there are asked for. One that
 * fails is forgotten. None keeps the process alive.
 */
export async function connectEarly({ protocol, hostname, port }: URL, count: number): Promise<void> {
  // A numeric address of IPv6 has brackets in a URL only.
  const host = hostname.replace(/^\[|\]$/g, "");
  const server = { host, port: Number(port || (protocol === "https:" ? 443 : 80)) };
  const connect = await connectorFor(protocol, server);
  const early = unusedTo(protocol, server);
  while (early.length < count) {
    const socket = connect();
    const forget = (): void => {
      const index = early.indexOf(socket);
      if (index >= 0) early.splice(index, 1);
    };
    socket.unref();
    // Whoever needs one then opens his own, and is told what is wrong.
    socket.on("error", forget);
    socket.on("close", forget);
    early.push(socket);
    all.add(socket);
  }
}

/** A connection that was opened early to `server`, and may still be opening; undefined when there is none left. */
export function takeEarlyConnection(protocol: string, server: Server): Socket | undefined {
  return unusedTo(protocol, server).shift()?.ref();
}

export function isEarlyConnection(socket: object | null | undefined): boolean {
  return socket !== null && socket !== undefined && all.has(socket);
}

function unusedTo(protocol: string, { host, port }: Server): Socket[] {
  const name = `${protocol}//${host}:${port}`;
  const sockets = unused.get(name) ?? [];
  unused.set(name, sockets);
  return sockets;
}

async function connectorFor(
  protocol: string,
  server: { readonly host: string; readonly port: number },
): Promise<() => Socket> {
  const net = await import("node:net");
  if (protocol === "http:") return () => net.connect(server);
  const { connect } = await import("node:tls");
  // No name is sent for a numeric address, as the agent does it.
  const servername = net.isIP(server.host) === 0 ? server.host : "";
  return () => connect({ ...server, servername, ALPNProtocols: ["http/1.1"] });
}
