// How one request is sent: the part of the `fetch` standard that reading needs, as types. Owns no behaviour. The global
// `fetch` is one of these, and so is a client that knows none of the standard's classes, which take long to load.

/** What is asked for, beside the address: always a GET. */
export interface HttpRequest {
  readonly headers: Record<string, string>;
  readonly redirect: "follow" | "manual";
  readonly signal: AbortSignal;
  /** Only for a host that has a cache. */
  readonly cache?: "reload";
}

/** The headers of an answer; `name` in any case. */
export interface HttpAnswerHeaders {
  get(name: string): string | null;
}

/** An answer, whose body comes after. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: HttpAnswerHeaders;
  readonly body: ReadableStream<Uint8Array> | null;
  /** `opaqueredirect` when the host does not tell where a redirect leads. */
  readonly type?: string;
  /** Whether the host has followed redirects, to `url`. */
  readonly redirected?: boolean;
  readonly url?: string;
}

/** Sends a request; rejects with the signal's reason when that is aborted. */
export type HttpFetch = (url: string, request: HttpRequest) => Promise<HttpAnswer>;
