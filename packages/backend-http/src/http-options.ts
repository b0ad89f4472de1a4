// What a caller may decide about reading over HTTP, and what holds otherwise. Owns the defaults and
// the check of numbers; carries nothing out.

import { BackendError, type BlockBackend, type TimeBackend } from "@qcow/block";
import type { HttpBudget } from "./budget.js";
import type { HttpEvent } from "./http-event.js";
import type { HttpFetch } from "./http-fetch.js";

/** Headers of a request, by name; one that comes twice has both values. */
export type HttpHeaders =
  | Headers
  | Readonly<Record<string, string>>
  | readonly (readonly [name: string, value: string])[];

/** Where a whole file can be put: something to write to from the start on, and to read from after. */
export type SpillBackend = Pick<BlockBackend, "read" | "write" | "close">;

export interface HttpOptions {
  /** All waiting and all timeouts. */
  readonly time: TimeBackend;
  /** Sends one request; the global `fetch` when absent. */
  readonly fetch?: HttpFetch | undefined;
  /**
   * Headers for the origin of the address, never sent to another one. Asked before the first request (`first`), and
   * again when the server refuses one with 401 or 403 (`renew`), which is then sent once more.
   */
  readonly headers?: ((why: "first" | "renew") => HttpHeaders | Promise<HttpHeaders>) | undefined;
  /**
   * A browser hides redirects and asks the server before it sends a condition; elsewhere (`node`) redirects are
   * followed here, and every later request has the condition that the file is the same. Found out when absent.
   */
  readonly environment?: "node" | "browser" | undefined;
  /** Bytes of the first request, which later reads are served from; 256 KiB when absent. */
  readonly openBytes?: number | undefined;
  /** Whether the first request goes past the browser's cache. */
  readonly reload?: boolean | undefined;
  /** Ranges are fetched as one when there are at most so many bytes between them; 64 KiB when absent. */
  readonly gapBytes?: number | undefined;
  /** The most bytes that one request asks for; 8 MiB when absent. */
  readonly requestBytesMax?: number | undefined;
  /** Requests that are under way at once; 8 when absent. */
  readonly parallel?: number | undefined;
  /** The most bytes of headers and tables that are kept; 16 MiB when absent. */
  readonly metadataCacheBytes?: number | undefined;
  /** The most bytes of contents that are kept; 32 MiB when absent. */
  readonly dataCacheBytes?: number | undefined;
  /** The most bytes that are fetched ahead of somebody who reads in a row; 8 MiB when absent, 0 for none. */
  readonly readAheadBytesMax?: number | undefined;
  /** An answer from which no byte arrives for so long is given up, and asked again; 30 s when absent. */
  readonly idleTimeoutMs?: number | undefined;
  /** How often a request is sent before its failure is reported; 5 when absent. */
  readonly tries?: number | undefined;
  /** The wait before the second try; it doubles with each further one, up to 30 s. 1 s when absent. */
  readonly retryDelayMs?: number | undefined;
  /** The longest wait that a server's `Retry-After` can ask for; 60 s when absent. */
  readonly retryAfterMsMax?: number | undefined;
  /** A number from 0 up to but not including 1, which spreads the waits of many readers; `Math.random` when absent. */
  readonly random?: (() => number) | undefined;
  /**
   * The most bytes that are received, and the most requests that are sent (redirects and retries count), by all files
   * together that are opened with it. What could exceed it rejects with `HTTP_BUDGET`, and is not sent.
   */
  readonly budget?: HttpBudget | undefined;
  /** Goes on when the file at the server is another one than before. What is read is then a mixture. */
  readonly allowChanging?: boolean | undefined;
  /**
   * Takes the whole file from servers that do not send parts, which are refused when this is absent. `size` in
   * bytes is a claim of the server, and may be absent. It is closed with the backend.
   */
  readonly spill?: ((size: number | undefined) => Promise<SpillBackend>) | undefined;
  /** Cancels the opening; later operations have signals of their own. */
  readonly signal?: AbortSignal | undefined;
  /** Called synchronously, and must not throw. Events hold no secrets. */
  readonly onEvent?: ((event: HttpEvent) => void) | undefined;
}

type Decided =
  | "openBytes"
  | "gapBytes"
  | "requestBytesMax"
  | "parallel"
  | "metadataCacheBytes"
  | "dataCacheBytes"
  | "readAheadBytesMax"
  | "idleTimeoutMs"
  | "tries"
  | "retryDelayMs"
  | "retryAfterMsMax";

/** The numbers of `HttpOptions`, none of them absent. */
export type HttpSettings = { readonly [Name in Decided]: number } & {
  readonly isBrowser: boolean;
  readonly allowChanging: boolean;
  readonly random: () => number;
};

const KIB = 1024;
const MIB = 1024 * KIB;

/** Per number: what holds when it is absent, and the least that makes sense. */
const NUMBERS: Readonly<Record<Decided, readonly [byDefault: number, least: number]>> = {
  openBytes: [256 * KIB, 1],
  gapBytes: [64 * KIB, 0],
  requestBytesMax: [8 * MIB, 64 * KIB],
  parallel: [8, 1],
  metadataCacheBytes: [16 * MIB, 0],
  dataCacheBytes: [32 * MIB, 0],
  readAheadBytesMax: [8 * MIB, 0],
  idleTimeoutMs: [30_000, 1],
  tries: [5, 1],
  retryDelayMs: [1000, 0],
  retryAfterMsMax: [60_000, 0],
};

/** Throws `BACKEND_BAD_RANGE` for a number that cannot be. */
export function settingsOf(options: HttpOptions): HttpSettings {
  const numbers = Object.entries(NUMBERS).map(([name, [byDefault, least]]) => {
    const value = options[name as Decided] ?? byDefault;
    if (value >= least && (Number.isSafeInteger(value) || value === byDefault)) return [name, value];
    const message = `${name} must be a whole number, ${least} or more, not ${String(value)}`;
    throw new BackendError("BACKEND_BAD_RANGE", message);
  });
  return {
    ...(Object.fromEntries(numbers) as { [Name in Decided]: number }),
    isBrowser: options.environment === undefined ? isBrowser() : options.environment === "browser",
    allowChanging: options.allowChanging ?? false,
    random: options.random ?? Math.random,
  };
}

/** A page or a worker: nothing else has either of these. */
function isBrowser(): boolean {
  return "document" in globalThis || "WorkerGlobalScope" in globalThis;
}
