// What a plugin may learn of a command while it runs: the images that are opened, what the engine does with them, the
// connections of a server, requests to other servers, and the end. Owns the shapes; run-watches.ts acts on them.

import type { Observer, RecyclingStatistics } from "@qcow/engine";
import type { RemoteStatistics } from "./remote-statistics.js";

/** The run that begins. */
export interface RunContext {
  /** Id of the command: `info`, `serve`. */
  readonly command: string;
  /** Version of the program. */
  readonly version: string;
  /** The values of all flags, the extension's own among them. */
  readonly flags: Readonly<Record<string, unknown>>;
  /** Aborted when the user ends the command. */
  readonly signal: AbortSignal;
  /** Writes a line to stderr, unless `--quiet`. */
  note(line: string): void;
}

/** How a run ended. */
export interface RunOutcome {
  /** What the process will end with: 0 for success. */
  readonly exitCode: number;
  readonly error: Error | undefined;
  /** Whether the user ended it. */
  readonly interrupted: boolean;
}

/** An image that is about to be opened. */
export interface WatchedImage {
  /** Short, the same for the same address, no other image's of this run, and without secrets. */
  readonly id: string;
  readonly writable: boolean;
}

/** How an open image is. */
export interface ImageStatistics {
  /** Length of the disk in bytes. */
  readonly virtualSize: number;
  /** Length of the image's file in bytes. */
  readonly fileSize: number;
  /** What becomes of free space; undefined when it is not recycled. */
  readonly recycling: RecyclingStatistics | undefined;
}

export interface ImageWatch {
  readonly observer?: Observer | undefined;
  /** The image is open; until it is closed, `statistics` can be asked at any time. */
  opened?(statistics: () => Promise<ImageStatistics>): void;
  /** It was closed, and this is how it was then; absent when that cannot be told any more. */
  closed?(last?: ImageStatistics): void;
}

/** The reports of an NBD server, of the shape of its observer. */
export interface NbdReports {
  connectionOpened?(event: { readonly open: number }): void;
  connectionClosed?(event: {
    readonly open: number;
    readonly negotiated: boolean;
    readonly error?: unknown;
  }): void;
  request?(event: { readonly command: number; readonly length: number; readonly error: number }): void;
  exportFailed?(event: { readonly name: string; readonly error: unknown }): void;
}

/** Somebody who watches a run. No function but `finish` may take long, and none may throw. */
export interface RunWatch {
  /** Told of each image before it is opened; returns nothing when that is of no interest. */
  image?(image: WatchedImage): ImageWatch | undefined;
  readonly nbd?: NbdReports | undefined;
  /** Given, once, what tells at any time what requests to servers have come to. */
  http?(statistics: () => RemoteStatistics): void;
  /** The command has ended, in whatever way; the process waits for this. A rejection is a warning on stderr. */
  finish?(outcome: RunOutcome): Promise<void> | void;
}
