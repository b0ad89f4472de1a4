// The contract between the engine and the place where an image's bytes live. Owns no behaviour:
// implementations are the backend-* packages, decorators the with-* files beside this one.

import type { IoOptions, ReadOptions } from "./io-options.js";

/** A range of bytes, from `start` up to but not including `end`; `start < end`. */
export interface DataRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Bytes that can be read at any offset.
 *
 * Offsets and lengths are bytes, safe integers, not negative. Operations may run concurrently; a buffer belongs to
 * the operation until that settles, and to the caller after. Failures are `BackendError`; cancelling rejects with the
 * signal's reason.
 */
export interface ReadableBlockBackend extends AsyncDisposable {
  /** What messages call this backend: a path, a URL, a name. */
  readonly label: string;
  /** Two backends with equal identities hold the same bytes (device and inode of a file); absent when unknown. */
  readonly identity?: string | undefined;
  /** Bytes of reads in a row that serve this backend well, where small ones are dear; absent where it hardly matters. */
  readonly preferredReadBytes?: number | undefined;
  /** Current length in bytes. Asked anew each time: another process may be growing the file. */
  size(options?: IoOptions): Promise<number>;
  /** Fills all of `target` with the bytes from `offset` on, or rejects (`BACKEND_SHORT_READ` past the end). An empty target is filled anywhere. */
  read(offset: number, target: Uint8Array, options?: ReadOptions): Promise<void>;
  /**
   * Fills all of `target` with the bytes from `offset` on if nothing has to be waited for, and says whether it did; if not,
   * what `target` holds is of no use, and `read` is the way, which also knows what is wrong. Never throws. Present only
   * where bytes may be at hand: small reads of those cost less so than the promises of `read`.
   */
  readNow?(offset: number, target: Uint8Array): boolean;
  /**
   * The next bytes at or after `offset` that may be other than zero; everything between `offset` and `start` reads as
   * zero. `start` is `offset` itself when that lies in such a range, and the next range may begin at `end`.
   * Undefined when only zeros or nothing follow. True of the moment of the call. Present only where the host can
   * tell.
   */
  nextData?(offset: number, options?: IoOptions): Promise<DataRange | undefined>;
  /** Releases what the backend holds. Later operations reject with `BACKEND_CLOSED`; closing again does nothing. */
  close(): Promise<void>;
}

/** Bytes that can also be changed. */
export interface BlockBackend extends ReadableBlockBackend {
  /**
   * Writes all of `source` at `offset`, growing the backend when it ends past the current length; a gap reads as
   * zero, an empty source changes nothing. Durable only after `flush`.
   */
  write(offset: number, source: Uint8Array, options?: IoOptions): Promise<void>;
  /** Sets the length; bytes that appear read as zero. */
  resize(size: number, options?: IoOptions): Promise<void>;
  /** Resolves once everything written before the call is durable. */
  flush(options?: IoOptions): Promise<void>;
  /**
   * Gives the range back to the host, after which it reads as zero; what lies past the end is ignored, and the
   * length stays. Present only where the host can; rejects with `BACKEND_UNSUPPORTED` where only the attempt shows that
   * it cannot.
   */
  discard?(offset: number, length: number, options?: IoOptions): Promise<void>;
  /**
   * Reserves space of the host for the range, so that a later write there does not fail for want of it. What the
   * range holds stays, and the backend grows (with zeros) to where the range ends, if it ends past the length.
   * Durable only after `flush`. Present, and rejecting, as `discard` is.
   */
  allocate?(offset: number, length: number, options?: IoOptions): Promise<void>;
}
