// A file at a server as a backend that can be read. Owns the rules of the contract (ranges, closing, the end of the
// file) and what follows when the file changes; bytes are caching-reader's.

import {
  BackendError,
  checkRange,
  type IoOptions,
  isBackendError,
  type ReadableBlockBackend,
  type ReadOptions,
} from "@qcow/block";
import { CachingReader } from "./caching-reader.js";
import { closedError } from "./http-error.js";
import type { HttpCounters } from "./http-event.js";
import type { SpillBackend } from "./http-options.js";
import type { Session } from "./session.js";

/** What shows that the file is the same in later answers, the strongest that the server offers. */
export type HttpVersioning = "etag" | "last-modified" | "size";

/** A file that `openHttp` opened. */
export class HttpBackend implements ReadableBlockBackend {
  /** The address that was opened, without user, password and query. */
  readonly label: string;
  /** The address that the file was found at, query included, and its version; absent when nothing tells versions apart. */
  readonly identity: string | undefined;
  readonly versioning: HttpVersioning;
  /** What one request may ask for: so many bytes go straight to who reads them. */
  readonly preferredReadBytes: number;
  /** Live numbers. */
  readonly counters: HttpCounters;
  readonly #session: Session;
  readonly #size: number;
  readonly #reader: CachingReader;
  readonly #spill: SpillBackend | undefined;
  /** Why nothing can be read any more. */
  #ended: BackendError | undefined;
  #closed: Promise<void> | undefined;

  /** @internal */
  constructor(session: Session, head: Uint8Array, spill: SpillBackend | undefined) {
    this.#session = session;
    this.label = session.label;
    this.preferredReadBytes = session.settings.requestBytesMax;
    this.counters = session.counters;
    const { size, validator } = session.pinned ?? { size: 0, validator: {} as never };
    this.#size = size;
    this.#spill = spill;
    const version = validator.etag ?? validator.lastModified;
    this.versioning =
      validator.etag !== undefined ? "etag" : version !== undefined ? "last-modified" : "size";
    this.identity = version === undefined ? undefined : `${session.address.current.href} ${version} ${size}`;
    this.#reader = new CachingReader(session, head, (error) => this.#noteFailure(error));
  }

  /** The address that redirects led to, and that relative references start from. May have secrets in its query. */
  get url(): string {
    return this.#session.address.current.href;
  }

  async size(options?: IoOptions): Promise<number> {
    this.#enter(0, 0, options);
    return this.#size;
  }

  async read(offset: number, target: Uint8Array, options?: ReadOptions): Promise<void> {
    const { length } = target;
    this.#enter(offset, length, options);
    this.counters.reads += 1;
    this.counters.bytesAsked += length;
    if (length === 0) return;
    if (offset + length > this.#size) throw shortRead(this.label, offset, length, this.#size);
    if (this.#spill !== undefined) return await this.#spill.read(offset, target, options);
    await this.#reader.read(offset, target, options?.purpose ?? "contents", options?.signal);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#ended = closedError(this.label);
    await this.#reader.drop(this.#ended);
    await this.#spill?.close();
  }

  /** What is here belongs to a version that cannot be completed any more. */
  #noteFailure(error: unknown): void {
    if (!isBackendError(error, "HTTP_IMAGE_CHANGED") || this.#ended !== undefined) return;
    this.#ended = error;
    void this.#reader.drop(error);
  }

  #enter(offset: number, length: number, options: IoOptions | undefined): void {
    if (this.#ended !== undefined) throw this.#ended;
    checkRange(offset, length, this.label);
    options?.signal?.throwIfAborted();
  }
}

function shortRead(label: string, offset: number, length: number, size: number): BackendError {
  const message = `${label}: read of ${length} bytes at ${offset} goes past the end at ${size}`;
  return new BackendError("BACKEND_SHORT_READ", message, { label, offset, length });
}
