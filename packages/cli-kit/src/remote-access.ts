// How a command reaches servers: headers, budget, proxies, and what it came to. Owns the wiring of @qcow/backend-http for
// one run of a command; which of the files that an image names may be opened is remote-references.ts.

import type { HttpBackend, HttpBudget, HttpEvent, HttpOptions } from "@qcow/backend-http";
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
    const options: HttpOptions = {
      time: systemClock,
      fetch: await fetchOfHost(),
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
      const headers = new Headers();
      for (const { name, value } of header) headers.append(name, value);
      if (variable !== undefined) headers.set("authorization", `Bearer ${tokenIn(variable)}`);
      return headers;
    };
  }
}

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

const PROXY_VARIABLES = ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"];

/** The shortest way, or one that goes through the proxies that the environment names. */
async function fetchOfHost(): Promise<HttpOptions["fetch"]> {
  if (!PROXY_VARIABLES.some((name) => (process.env[name] ?? "") !== ""))
    return (await import("./plain-fetch.js")).plainFetch;
  const { EnvHttpProxyAgent, fetch } = await import("undici");
  const dispatcher = new EnvHttpProxyAgent();
  // Its requests are of classes of its own.
  return async ({ url, method, headers, redirect, signal, cache }) =>
    (await fetch(url, {
      method,
      headers: [...headers],
      redirect,
      signal,
      cache,
      dispatcher,
    })) as unknown as Response;
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
