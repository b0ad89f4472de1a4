// What NBD servers do, counted. Owns the words of labels for the protocol's commands and errors.

import type { NbdObserver } from "@qcow/nbd";

type Event<Name extends keyof NbdObserver> = Parameters<NonNullable<NbdObserver[Name]>>[0];

/** By number; the last one is for numbers that no client should send. */
export const COMMANDS = [
  "read",
  "write",
  "disconnect",
  "flush",
  "trim",
  "cache",
  "write_zeroes",
  "block_status",
  "unknown",
] as const;
const UNKNOWN = COMMANDS.length - 1;

/** Index of each error in `ERRORS`. */
const ERROR_INDEX: Readonly<Record<number, number>> = {
  1: 0,
  5: 1,
  12: 2,
  22: 3,
  28: 4,
  75: 5,
  95: 6,
  108: 7,
};
export const ERRORS = [
  "EPERM",
  "EIO",
  "ENOMEM",
  "EINVAL",
  "ENOSPC",
  "EOVERFLOW",
  "ENOTSUP",
  "ESHUTDOWN",
  "other",
] as const;

export class NbdCounters implements NbdObserver {
  openConnections = 0;
  connections = 0;
  connectionErrors = 0;
  /** Connections that ended before an export was chosen. */
  unnegotiated = 0;
  exportFailures = 0;
  /** By command, as `COMMANDS` has them. */
  readonly requests = new Float64Array(COMMANDS.length);
  readonly requestBytes = new Float64Array(COMMANDS.length);
  /** By error, as `ERRORS` has them. */
  readonly errors = new Float64Array(ERRORS.length);

  connectionOpened({ open }: Event<"connectionOpened">): void {
    this.openConnections = open;
    this.connections++;
  }

  connectionClosed({ open, negotiated, error }: Event<"connectionClosed">): void {
    this.openConnections = open;
    if (error !== undefined) this.connectionErrors++;
    if (!negotiated) this.unnegotiated++;
  }

  request({ command, length, error }: Event<"request">): void {
    const index = command < UNKNOWN ? command : UNKNOWN;
    this.requests[index] = (this.requests[index] as number) + 1;
    if (error === 0) {
      this.requestBytes[index] = (this.requestBytes[index] as number) + length;
      return;
    }
    const at = ERROR_INDEX[error] ?? ERRORS.length - 1;
    this.errors[at] = (this.errors[at] as number) + 1;
  }

  exportFailed(): void {
    this.exportFailures++;
  }
}
