// A server of one export and a client of it, over a connection in memory.

import { ManualClock } from "@qcow/backend-memory";
import { type NbdExport, NbdServer, type NbdServerOptions } from "../src/index.js";
import { type MemoryStream, memoryStreams } from "./memory-stream.js";
import { NbdClient, type Reply } from "./nbd-client.js";

export interface Connected {
  readonly client: NbdClient;
  readonly stream: MemoryStream;
  /** The server's end. */
  readonly serverStream: MemoryStream;
  /** Resolves when the server is through with the connection. */
  readonly done: Promise<void>;
}

export function serverOf(disk: NbdExport, options: Partial<NbdServerOptions> = {}): NbdServer {
  return new NbdServer({ exports: new Map([["disk", disk]]), time: new ManualClock(), ...options });
}

/** A connection that the server greets. */
export function connected(server: NbdServer, bufferMax?: number): Connected {
  const [serverStream, stream] = memoryStreams(bufferMax);
  return { client: new NbdClient(stream), stream, serverStream, done: server.serve(serverStream) };
}

/** A connection in the transmission phase. */
export async function served(
  disk: NbdExport,
  how: { style?: Reply["style"]; contexts?: string[] },
  options: Partial<NbdServerOptions> = {},
): Promise<Connected & { server: NbdServer }> {
  const server = serverOf(disk, options);
  const connection = connected(server);
  await connection.client.connect("disk", how);
  return { ...connection, server };
}
