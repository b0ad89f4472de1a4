// What reading from servers over HTTP has come to. Owns the shape; whoever reads fills it.

export interface HttpTotals {
  readonly requests: number;
  /** Of bodies. */
  readonly bytesReceived: number;
  /** Of those, what was not asked for. */
  readonly bytesOverRead: number;
  /** Reads that needed no request. */
  readonly cacheHits: number;
  readonly retries: number;
  readonly redirects: number;
}
