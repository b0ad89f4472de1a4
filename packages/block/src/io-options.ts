// What every operation on a backend or an image may be told. Owns no behaviour.

/** Options of one I/O operation. */
export interface IoOptions {
  /** Cancels the operation, which then rejects with the signal's reason (an `AbortError` unless the caller chose another). */
  readonly signal?: AbortSignal | undefined;
}

/**
 * What a read is for, where the caller can tell: `metadata` are headers and tables, small, scattered and read again;
 * `contents` are the guest's bytes, many and mostly read once, often in a row.
 */
export type ReadPurpose = "metadata" | "contents";

/** Options of one read of a backend. */
export interface ReadOptions extends IoOptions {
  /** A hint for backends that cache or read ahead. It never changes which bytes are read, and may be ignored. */
  readonly purpose?: ReadPurpose | undefined;
}

/** How far a long operation has come. Both in the unit the operation documents (bytes unless it says otherwise). */
export interface Progress {
  readonly done: number;
  readonly total: number;
}

/** Options of an operation that may take long. */
export interface LongOptions extends IoOptions {
  /** Called now and then with growing `done`, and once with `done === total` at the end. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}
