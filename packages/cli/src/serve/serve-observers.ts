// Everything that is told of a server while it runs: by the engine of each image, and by NBD. Owns who is told, in one place,
// and the lines on stderr.

import type { Observer } from "@qcow/engine";
import { printable } from "@qcow/format";
import type { NbdObserver } from "@qcow/nbd";

export interface ServeObservers {
  /** For the image of the export `name`. */
  engine(name: string): Observer;
  readonly nbd: NbdObserver;
}

export interface ServeObserverOptions {
  /** Given what went wrong, a line each. */
  readonly warn: (line: string) => void;
  /** Given what a person who looks for a fault wants to know; absent when nobody does. */
  readonly debug: ((line: string) => void) | undefined;
  /** Told when no client is left after one was there that had chosen an export. */
  readonly onLastClient: () => void;
}

export function serveObservers({ warn, debug, onLastClient }: ServeObserverOptions): ServeObservers {
  let served = false;
  return {
    engine: (name) => ({ diagnostic: ({ message }) => warn(`${subject(name)}${message}`) }),
    nbd: {
      exportFailed: ({ name, error }) => warn(`${subject(name)}${messageOf(error)}`),
      connectionOpened: ({ open }) => debug?.(`a client has connected; ${open} now`),
      connectionClosed: ({ open, negotiated, error }) => {
        debug?.(`a client has gone; ${open} now${error === undefined ? "" : `: ${messageOf(error)}`}`);
        served ||= negotiated;
        if (served && open === 0) onLastClient();
      },
    },
  };
}

function subject(name: string): string {
  return name === "" ? "" : `${name}: `;
}

/** On one line, and harmless on a terminal. */
function messageOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  const message = error instanceof Error ? error.message : String(error);
  return printable(typeof code === "string" ? `${message} (${code})` : message);
}
