// Reports every access to a backend, before and after, as structured events. Owns neither their
// rendering nor a clock: who wants times takes them when the event arrives.

import type { BlockBackend, DataRange, ReadableBlockBackend } from "./block-backend.js";
import { ForwardingBackend, ForwardingReader, isWritable } from "./forwarding.js";
import type { IoOptions, ReadOptions } from "./io-options.js";

/** The accesses that are reported. */
export type TracedOperation =
  | "size"
  | "read"
  | "write"
  | "resize"
  | "flush"
  | "discard"
  | "allocate"
  | "nextData"
  | "close";

/** One access that starts, ends, or fails. */
export interface TraceEvent {
  readonly phase: "start" | "end" | "error";
  readonly operation: TracedOperation;
  /** Joins the events of one access; counts from 1 in each traced backend. */
  readonly id: number;
  readonly label: string;
  /** Offset in bytes: of `read`, `write`, `discard`, `allocate`, `nextData`. */
  readonly offset?: number;
  /** Length in bytes: of `read`, `write`, `discard`, `allocate`; the new size for `resize`; the answer of `size`, at its end. */
  readonly length?: number;
  /** Why it failed; only with the phase `error`. */
  readonly error?: unknown;
}

/** `backend`, telling `log` of every access. `log` is called synchronously and must not throw. */
export function withTracing(backend: BlockBackend, log: (event: TraceEvent) => void): BlockBackend;
export function withTracing(
  backend: ReadableBlockBackend,
  log: (event: TraceEvent) => void,
): ReadableBlockBackend;
export function withTracing(
  backend: ReadableBlockBackend,
  log: (event: TraceEvent) => void,
): ReadableBlockBackend {
  const tracer = new Tracer(backend.label, log);
  return isWritable(backend) ? new TracedBackend(backend, tracer) : new TracedReader(backend, tracer);
}

class Tracer {
  readonly #label: string;
  readonly #log: (event: TraceEvent) => void;
  #lastId = 0;

  constructor(label: string, log: (event: TraceEvent) => void) {
    this.#label = label;
    this.#log = log;
  }

  async trace<T>(operation: TracedOperation, range: TracedRange, access: () => Promise<T>): Promise<T> {
    this.#lastId += 1;
    const event = { operation, id: this.#lastId, label: this.#label, ...range };
    this.#log({ phase: "start", ...event });
    try {
      const result = await access();
      this.#log({ phase: "end", ...event, ...(typeof result === "number" ? { length: result } : {}) });
      return result;
    } catch (error) {
      this.#log({ phase: "error", ...event, error });
      throw error;
    }
  }
}

interface TracedRange {
  readonly offset?: number;
  readonly length?: number;
}

class TracedReader extends ForwardingReader {
  readonly #tracer: Tracer;

  constructor(inner: ReadableBlockBackend, tracer: Tracer) {
    super(inner);
    this.#tracer = tracer;
  }

  override size(options?: IoOptions): Promise<number> {
    return this.#tracer.trace("size", {}, () => this.inner.size(options));
  }

  override read(offset: number, target: Uint8Array, options?: ReadOptions): Promise<void> {
    const range = { offset, length: target.length };
    return this.#tracer.trace("read", range, () => this.inner.read(offset, target, options));
  }

  override close(): Promise<void> {
    return this.#tracer.trace("close", {}, () => this.inner.close());
  }

  protected override forwardNextData(offset: number, options?: IoOptions): Promise<DataRange | undefined> {
    return this.#tracer.trace("nextData", { offset }, () => super.forwardNextData(offset, options));
  }
}

class TracedBackend extends ForwardingBackend {
  readonly #tracer: Tracer;

  constructor(inner: BlockBackend, tracer: Tracer) {
    super(inner);
    this.#tracer = tracer;
  }

  override size(options?: IoOptions): Promise<number> {
    return this.#tracer.trace("size", {}, () => this.inner.size(options));
  }

  override read(offset: number, target: Uint8Array, options?: ReadOptions): Promise<void> {
    const range = { offset, length: target.length };
    return this.#tracer.trace("read", range, () => this.inner.read(offset, target, options));
  }

  override write(offset: number, source: Uint8Array, options?: IoOptions): Promise<void> {
    const range = { offset, length: source.length };
    return this.#tracer.trace("write", range, () => this.inner.write(offset, source, options));
  }

  override resize(size: number, options?: IoOptions): Promise<void> {
    return this.#tracer.trace("resize", { length: size }, () => this.inner.resize(size, options));
  }

  override flush(options?: IoOptions): Promise<void> {
    return this.#tracer.trace("flush", {}, () => this.inner.flush(options));
  }

  override close(): Promise<void> {
    return this.#tracer.trace("close", {}, () => this.inner.close());
  }

  protected override forwardNextData(offset: number, options?: IoOptions): Promise<DataRange | undefined> {
    return this.#tracer.trace("nextData", { offset }, () => super.forwardNextData(offset, options));
  }

  protected override forwardDiscard(offset: number, length: number, options?: IoOptions): Promise<void> {
    return this.#tracer.trace("discard", { offset, length }, () =>
      super.forwardDiscard(offset, length, options),
    );
  }

  protected override forwardAllocate(offset: number, length: number, options?: IoOptions): Promise<void> {
    return this.#tracer.trace("allocate", { offset, length }, () =>
      super.forwardAllocate(offset, length, options),
    );
  }
}
