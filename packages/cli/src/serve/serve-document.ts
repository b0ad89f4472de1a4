// What `qcow serve` says once it listens. Owns the shape, and its form for people.

import type { Endpoint } from "./endpoint.js";
import type { OpenExport } from "./open-exports.js";

export interface ServeDocument {
  /** The path of the Unix socket, or host and port. */
  readonly socket?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly pid: number;
  readonly exports: readonly ServedExport[];
}

interface ServedExport {
  readonly name: string;
  readonly filename: string;
  /** Absent where a socket was handed over that does not tell its address. */
  readonly uri?: string | undefined;
  /** Length of the disk in bytes. */
  readonly "virtual-size": number;
  readonly "read-only": boolean;
  /** Dirty bitmaps that clients can ask for. */
  readonly bitmaps: readonly string[];
}

export function serveDocument(endpoint: Endpoint, exports: readonly OpenExport[]): ServeDocument {
  const { socket, host, port } = endpoint;
  return {
    ...(socket === undefined ? {} : { socket }),
    ...(host === undefined ? {} : { host, port }),
    pid: process.pid,
    exports: exports.map(({ name, filename, disk, readOnly, bitmaps }) => {
      const uri = endpoint.uri(name);
      return {
        name,
        filename,
        ...(uri === undefined ? {} : { uri }),
        "virtual-size": disk.size,
        "read-only": readOnly,
        bitmaps,
      };
    }),
  };
}

/** The URIs, a line each. */
export function serveText({ exports }: ServeDocument): string {
  return exports.map(({ uri = "" }) => uri).join("\n");
}
