// A server of exports, over streams that somebody else accepts. Owns the connections there are, and how they all end.

import type { TimeBackend } from "@qcow/block";
import type { NbdExport } from "./exports/nbd-export.js";
import type { NbdStream } from "./session/nbd-stream.js";
import { Session } from "./session/session.js";
import {
  DEFAULT_LIMITS,
  type NbdLimits,
  type NbdObserver,
  type NbdTls,
  type SessionContext,
} from "./session/session-options.js";

export interface NbdServerOptions {
  /** What is served, by name; the empty name means the only export there is, unless one is called so. */
  readonly exports: ReadonlyMap<string, NbdExport>;
  /** The clock of the time limits. */
  readonly time: TimeBackend;
  readonly tls?: NbdTls | undefined;
  readonly limits?: Partial<NbdLimits> | undefined;
  readonly observer?: NbdObserver | undefined;
}

export class NbdServer implements AsyncDisposable {
  readonly #context: SessionContext;
  readonly #sessions = new Map<Session, Promise<void>>();
  #closing: Promise<void> | undefined;

  constructor({ exports, time, tls, limits, observer }: NbdServerOptions) {
    this.#context = { exports, time, tls, observer, limits: { ...DEFAULT_LIMITS, ...limits } };
  }

  /** How many connections there are. */
  get connections(): number {
    return this.#sessions.size;
  }

  /**
   * Serves one client until it leaves; never rejects (`observer.connectionClosed` says why a connection ended). The
   * stream is closed in the end, and at once when the server is closed or has as many connections as it may.
   */
  async serve(stream: NbdStream): Promise<void> {
    if (this.#closing !== undefined || this.#sessions.size >= this.#context.limits.connectionsMax) {
      stream.destroy();
      return;
    }
    const session = new Session(stream, this.#context);
    const done = this.#run(session);
    this.#sessions.set(session, done);
    this.#context.observer?.connectionOpened?.({ open: this.#sessions.size });
    await done;
  }

  /**
   * Answers what is under way, refuses everything else, flushes all exports and ends all connections. Those that take
   * longer than `closeMs` are cut off. Rejects when a flush fails. The exports stay the caller's. Closing again does
   * nothing.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(session: Session): Promise<void> {
    const { observer } = this.#context;
    // A microtask later, so that the session is known by then.
    const error = await Promise.resolve()
      .then(() => session.run())
      .then(
        () => undefined,
        (reason: unknown) => ({ error: reason }),
      );
    this.#sessions.delete(session);
    const { negotiated } = session;
    observer?.connectionClosed?.({ open: this.#sessions.size, negotiated, ...error });
  }

  async #close(): Promise<void> {
    const { time, limits, exports } = this.#context;
    const over = new AbortController();
    const late = time.sleep(limits.closeMs, { signal: over.signal }).then(
      () => {
        for (const session of this.#sessions.keys()) session.destroy();
      },
      () => undefined,
    );
    const sessions = [...this.#sessions];
    await Promise.all(sessions.map(([session]) => session.shutDown()));
    await Promise.all(sessions.map(([, done]) => done));
    over.abort();
    await late;
    await Promise.all([...new Set(exports.values())].map((disk) => disk.flush?.({})));
  }
}
