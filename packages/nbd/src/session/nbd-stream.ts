// What a session talks over. Owns the contract only: node/ adapts sockets, and tests use streams in memory.

/** Bytes both ways: a socket, or anything like it. One `read` and one `write` are under way at a time. */
export interface NbdStream {
  /**
   * The next bytes, one at least, which belong to the caller; undefined once the peer sends no more or the stream was
   * closed. Rejects when the connection breaks. Whoever does not read makes the peer wait.
   */
  read(): Promise<Uint8Array | undefined>;
  /** Sends `parts` in order; resolves once they may be overwritten and more can be sent. Rejects when the connection breaks. */
  write(parts: readonly Uint8Array[]): Promise<void>;
  /** Ends the connection in peace: what was written arrives. */
  close(): void;
  /** Ends the connection at once; reads and writes under way settle. */
  destroy(): void;
}
