// What an observer of requests is told. Owns the shapes and the numbers; who wants times takes them
// when an event arrives. Addresses in events have neither user names nor queries.

/** One thing that happened between here and the server. */
export type HttpEvent =
  /** A request is sent for bytes from `start` up to but not including `end`. */
  | {
      readonly kind: "request";
      readonly id: number;
      readonly url: string;
      readonly start: number;
      readonly end: number;
    }
  /** Its answer begins. */
  | { readonly kind: "answer"; readonly id: number; readonly status: number }
  /**
   * Its body has ended, after `bytes` bytes; `error` says why when that was too early. Answers that are not read, such as
   * redirects and refusals, have no end.
   */
  | { readonly kind: "end"; readonly id: number; readonly bytes: number; readonly error?: string | undefined }
  /** The server sends the request elsewhere. */
  | { readonly kind: "redirect"; readonly id: number; readonly status: number; readonly url: string }
  /** A request failed, and is sent again after `delayMs`. */
  | { readonly kind: "retry"; readonly failures: number; readonly delayMs: number; readonly error: string }
  /** The caller is asked for new headers. */
  | { readonly kind: "renew" };

/** What was asked of the server and of us. Live numbers. */
export interface HttpCounters {
  /** Requests that were sent, redirected and repeated ones too. */
  requests: number;
  /** Bytes of answers, without their headers. */
  bytesReceived: number;
  /** Reads of callers. */
  reads: number;
  /** Bytes that callers asked for. What was received beyond is over-read. */
  bytesAsked: number;
  /** Reads that needed nothing from the server. */
  cacheHits: number;
  /** Bytes that came from what was already there. */
  bytesFromCache: number;
  retries: number;
  redirects: number;
  renewals: number;
}

export function newHttpCounters(): HttpCounters {
  return {
    requests: 0,
    bytesReceived: 0,
    reads: 0,
    bytesAsked: 0,
    cacheHits: 0,
    bytesFromCache: 0,
    retries: 0,
    redirects: 0,
    renewals: 0,
  };
}
