// What reading from servers came to: `--stats`. Owns names and wording.

import type { HttpCounters } from "@qcow/backend-http";

/** Members of `http` in JSON documents. Bytes are those of bodies. */
export interface RemoteStatistics {
  /** All of them: redirected and repeated ones too. */
  readonly requests: number;
  readonly "bytes-received": number;
  /** Received, and not asked for. */
  readonly "bytes-over-read": number;
  /** Reads that needed no request. */
  readonly "cache-hits": number;
  readonly retries: number;
  readonly redirects: number;
}

export function sumStatistics(all: readonly HttpCounters[]): RemoteStatistics {
  const sum = (of: (counters: HttpCounters) => number): number =>
    all.reduce((total, counters) => total + of(counters), 0);
  const received = sum(({ bytesReceived }) => bytesReceived);
  return {
    requests: sum(({ requests }) => requests),
    "bytes-received": received,
    "bytes-over-read": sum(({ bytesReceived, bytesAsked }) => Math.max(0, bytesReceived - bytesAsked)),
    "cache-hits": sum(({ cacheHits }) => cacheHits),
    retries: sum(({ retries }) => retries),
    redirects: sum(({ redirects }) => redirects),
  };
}

export function statisticsLine(statistics: RemoteStatistics): string {
  return [
    counted(statistics.requests, "request"),
    `${statistics["bytes-received"]} bytes received`,
    `${statistics["bytes-over-read"]} of them not asked for`,
    counted(statistics["cache-hits"], "cache hit"),
    statistics.retries === 1 ? "1 retry" : `${statistics.retries} retries`,
    counted(statistics.redirects, "redirect"),
  ].join(", ");
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
