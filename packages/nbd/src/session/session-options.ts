// What a server may be told about its connections. Owns the shapes and the defaults.

import type { TimeBackend } from "@qcow/block";
import type { NbdExport } from "../exports/nbd-export.js";
import type { NbdStream } from "./nbd-stream.js";

export interface NbdTls {
  /** Whether clients that do not ask for TLS learn nothing and get nothing, or may go without it. */
  readonly required: boolean;
  /** Does the server's part of a TLS handshake over `stream`, which from then on belongs to the result. */
  upgrade(stream: NbdStream, options: { readonly signal: AbortSignal }): Promise<NbdStream>;
}

/** Told what happens; must not throw. */
export interface NbdObserver {
  connectionOpened?(event: { readonly open: number }): void;
  /**
   * `error` is why, unless the client was through or the server was closed. `negotiated` tells whether the client had
   * chosen an export; those that only look, or are no clients of NBD, have not.
   */
  connectionClosed?(event: {
    readonly open: number;
    readonly negotiated: boolean;
    readonly error?: unknown;
  }): void;
  /** A request was answered; `error` is 0 or an `ErrorNumber`. Bytes are those of the range. */
  request?(event: { readonly command: number; readonly length: number; readonly error: number }): void;
  /** An export failed, as opposed to a client that asked for something impossible. */
  exportFailed?(event: { readonly name: string; readonly error: unknown }): void;
}

export interface NbdLimits {
  /** Longest payload of one request or reply in bytes; clients are told. 32 MiB. */
  readonly payloadBytesMax: number;
  /** Requests of one connection that are under way at once. 64. */
  readonly requestsMax: number;
  /** Bytes that they hold; one request alone may hold more. 64 MiB. */
  readonly inFlightBytesMax: number;
  /** Connections at once; further ones are closed at once. 128. */
  readonly connectionsMax: number;
  /** How long a client may take until it has chosen an export, in milliseconds. 30 seconds. */
  readonly handshakeMs: number;
  /** How long `close` waits for what is under way before it cuts connections off, in milliseconds. 30 seconds. */
  readonly closeMs: number;
}

export const DEFAULT_LIMITS: NbdLimits = {
  payloadBytesMax: 32 * 1024 * 1024,
  requestsMax: 64,
  inFlightBytesMax: 64 * 1024 * 1024,
  connectionsMax: 128,
  handshakeMs: 30_000,
  closeMs: 30_000,
};

/** What all sessions of a server share. */
export interface SessionContext {
  readonly exports: ReadonlyMap<string, NbdExport>;
  readonly limits: NbdLimits;
  readonly time: TimeBackend;
  readonly tls: NbdTls | undefined;
  readonly observer: NbdObserver | undefined;
}
