// How a command reaches servers: headers, budget, proxies, and what it came to. Owns the wiring of @qcow/backend-http for
// one run of a command; which of the files that an image names may be opened is remote-references.ts.

import type {
  HttpAnswer,
  HttpBackend,
  HttpBudget,
  HttpEvent,
  HttpFetch,
  HttpOptions,
  HttpRequest,
} from "@qcow/backend-http";
import type { IoOptions, ReadableBlockBackend } from "@qcow/block";
import { CommandError } from "./command-error.js";
import type { RemoteFlags } from "./remote-flags.js";
import { type RemoteStatistics, sumStatistics } from "./remote-statistics.js";

export interface RemoteAccessOptions {
  readonly flags: RemoteFlags;
  /** Given a line for each request; absent when nothing is traced. */
  readonly trace?: ((line: string) => void) | undefined;
}

export interface RemoteOpenOptions extends IoOptions {
  /** Bytes of the first request. */
  readonly headBytes?: number | undefined;
}

export class RemoteAccess {
  readonly #options: RemoteAccessOptions;
  readonly #opened: HttpBackend[] = [];
  /** Where the file with this label was found. */
  readonly #landings = new Map<string, string>();
  /** Of the image that the user named, for whose server headers and passwords are meant. */
  #first: URL | undefined;
  #budget: HttpBudget | undefined;

  constructor(options: RemoteAccessOptions) {
    this.#options = options;
  }

  /** Whether anything was opened. */
  get isUsed(): boolean {
    return this.#opened.length > 0;
  }

  /** What all of it came to so far. */
  get statistics(): RemoteStatistics {
    return sumStatistics(this.#opened.map(({ counters }) => counters));
  }

  /** The address at which the file with this label was found, redirects followed; that of the first file when none has it. */
  landingOf(label?: string): string | undefined {
    return (label === undefined ? undefined : this.#landings.get(label)) ?? this.#opened[0]?.url;
  }

  /** Opens the file at an http: or https: URL. Headers, and a password in the first one, go to the origin of that only. */
  async open(url: string, { headBytes, signal }: RemoteOpenOptions = {}): Promise<ReadableBlockBackend> {
    const [{ HttpBudget, openHttp }, { systemClock }] = await Promise.all([
      import("@qcow/backend-http"),
      import("@qcow/backend-node"),
    ]);
    if (!URL.canParse(url)) throw new CommandError("CLI_USAGE", "the address of the image is no valid URL");
    const { flags, trace } = this.#options;
    // One for all files of the command.
    this.#budget ??= new HttpBudget({ maxRequests: flags["max-requests"], maxBytes: flags["max-bytes"] });
    const address = new URL(url);
    this.#first ??= address;
    const isOwn = address.origin === this.#first.origin;
    const headers = isOwn ? this.#headers() : undefined;
    if (isOwn && address.username === "" && address.password === "") {
      // The address at which a file was found has none, so neither have those that lead on from there.
      address.username = this.#first.username;
      address.password = this.#first.password;
    }
    const fetch = await fetchOfHost();
    // Who wants no more than the head will hardly ask a second time.
    if (headBytes === undefined && fetch.connectEarly !== undefined)
      await fetch.connectEarly(address, EARLY_CONNECTIONS);
    const options: HttpOptions = {
      time: systemClock,
      fetch: fetch.send,
      environment: "node",
      parallel: PARALLEL,
      openBytes: headBytes ?? HEAD_BYTES,
      ...(headers === undefined ? {} : { headers }),
      budget: this.#budget,
      ...(flags["download-whole"] === true ? { spill: await temporaryFiles() } : {}),
      ...(trace === undefined
        ? {}
        : {
            onEvent: (event: HttpEvent) => {
              const line = traceEvent(event);
              if (line !== undefined) trace(line);
            },
          }),
      signal,
    };
    const backend = await openHttp(address.href, options);
    this.#opened.push(backend);
    this.#landings.set(backend.label, backend.url);
    return backend;
  }

  #headers(): HttpOptions["headers"] {
    const { header = [], "bearer-env": variable } = this.#options.flags;
    if (header.length === 0 && variable === undefined) return undefined;
    // Before anything is sent: a name that is misspelt is no matter of the server.
    if (variable !== undefined) tokenIn(variable);
    return () => {
      const given = header.map(({ name, value }) => [name, value] as const);
      if (variable === undefined) return given;
      // The token that may be renewed is the one that counts.
      const others = given.filter(([name]) => name.toLowerCase() !== "authorization");
      return [...others, ["authorization", `Bearer ${tokenIn(variable)}`]];
    };
  }
}

/** Connections that are opened while the first answer is under way, for which one of them is: 4 GiB have eight tables. */
const EARLY_CONNECTIONS = 8;
/** Requests at once: tables lie far apart, so what counts is how many answers are awaited together. */
const PARALLEL = 16;
/** Header, refcount table, first refcount block and L1 table of what QEMU writes with clusters of 64 KiB. */
const HEAD_BYTES = 256 * 1024;

function tokenIn(variable: string): string {
  const token = process.env[variable];
  if (token === undefined || token === "")
    throw new CommandError("CLI_USAGE", `--bearer-env: the environment variable ${variable} is not set`);
  return token.trim();
}

interface HostFetch {
  readonly send: HttpFetch;
  /** Absent where proxies decide on connections. */
  readonly connectEarly?: (url: URL, count: number) => Promise<void>;
}

/** The shortest way, or one that goes through the proxies that the environment names. */
async function fetchOfHost(): Promise<HostFetch> {
  const { connectEarly, hasProxy } = await import("./early-connections.js");
  if (!hasProxy(process.env)) {
    const { plainFetch } = await import("./plain-fetch.js");
    return { send: plainFetch, connectEarly };
  }
  const { EnvHttpProxyAgent, fetch } = await import("undici");
  const dispatcher = new EnvHttpProxyAgent();
  // Its answers are of classes of its own.
  const send = async (url: string, request: HttpRequest): Promise<HttpAnswer> =>
    (await fetch(url, { ...request, dispatcher })) as unknown as HttpAnswer;
  return { send };
}

/** Takes what a server sends as a whole into a file that has no name any more once it is open. */
async function temporaryFiles(): Promise<NonNullable<HttpOptions["spill"]>> {
  const [{ mkdtemp, rm }, { tmpdir }, { join }, { openWritable }] = await Promise.all([
    import("node:fs/promises"),
    import("node:os"),
    import("node:path"),
    import("@qcow/backend-node"),
  ]);
  return async () => {
    const folder = await mkdtemp(join(tmpdir(), "qcow-"));
    const file = await openWritable(join(folder, "image"), { exclusive: true });
    const close = async (): Promise<void> => {
      await file.close();
      await rm(folder, { recursive: true, force: true });
    };
    return { read: file.read.bind(file), write: file.write.bind(file), close };
  };
}

function traceEvent(event: HttpEvent): string | undefined {
  switch (event.kind) {
    case "request":
      return `HTTP.get ${event.id} ${event.url} ${event.start} to ${event.end}`;
    case "answer":
      return `HTTP.answer ${event.id} status = ${event.status}`;
    case "redirect":
      return `HTTP.redirect ${event.id} ${event.url}`;
    case "retry":
      return `HTTP.retry ${event.error} after = ${Math.round(event.delayMs)} ms`;
    default:
      return undefined;
  }
}
