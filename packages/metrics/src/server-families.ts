// The metrics of NBD servers, and of reading from HTTP servers. Owns names, help and labels.

import type { HttpTotals } from "./http-totals.js";
import type { Family, Sample } from "./metric-family.js";
import { COMMANDS, ERRORS, type NbdCounters } from "./nbd-counters.js";

const NONE = {};

export function nbdFamilies(nbd: NbdCounters): Family[] {
  const one = (
    name: string,
    help: string,
    type: Family["type"],
    of: (nbd: NbdCounters) => number,
  ): Family => ({
    name,
    help,
    type,
    labels: [],
    samples: () => [{ labels: NONE, value: of(nbd) }],
  });
  return [
    one("qcow_nbd_connections", "Connections that are open.", "gauge", (c) => c.openConnections),
    one("qcow_nbd_connections_total", "Connections that there were.", "counter", (c) => c.connections),
    one("qcow_nbd_connection_errors_total", "Connections that broke.", "counter", (c) => c.connectionErrors),
    one(
      "qcow_nbd_connections_unnegotiated_total",
      "Connections that ended before an export was chosen.",
      "counter",
      (c) => c.unnegotiated,
    ),
    one(
      "qcow_nbd_export_failures_total",
      "Requests that failed because the image or its file did.",
      "counter",
      (c) => c.exportFailures,
    ),
    listed("qcow_nbd_requests_total", "Requests that were answered.", "command", COMMANDS, nbd.requests),
    listed(
      "qcow_nbd_request_bytes_total",
      "Bytes of the ranges of requests that succeeded.",
      "command",
      COMMANDS,
      nbd.requestBytes,
    ),
    listed(
      "qcow_nbd_request_errors_total",
      "Requests that were answered with an error.",
      "error",
      ERRORS,
      nbd.errors,
    ),
  ];
}

export function httpFamilies(totals: () => HttpTotals): Family[] {
  const one = (name: string, help: string, of: (totals: HttpTotals) => number): Family => ({
    name,
    help,
    type: "counter",
    labels: [],
    samples: () => [{ labels: NONE, value: of(totals()) }],
  });
  return [
    one("qcow_http_requests_total", "Requests to servers that have images.", (t) => t.requests),
    one("qcow_http_received_bytes_total", "Bytes of the bodies of answers.", (t) => t.bytesReceived),
    one("qcow_http_over_read_bytes_total", "Of those, what was not asked for.", (t) => t.bytesOverRead),
    one("qcow_http_cache_hits_total", "Reads that needed no request.", (t) => t.cacheHits),
    one("qcow_http_retries_total", "Requests that were repeated.", (t) => t.retries),
    one("qcow_http_redirects_total", "Redirects that were followed.", (t) => t.redirects),
  ];
}

function listed(
  name: string,
  help: string,
  label: string,
  words: readonly string[],
  values: Float64Array,
): Family {
  return {
    name,
    help,
    type: "counter",
    labels: [label],
    *samples(): Iterable<Sample> {
      for (const [index, word] of words.entries())
        yield { labels: { [label]: word }, value: values[index] as number };
    },
  };
}
