// Counts the accesses to a backend, so that tests and benchmarks can hold code to an I/O budget.
// Counts what was asked for, when it is asked; whether it succeeded is not looked at.

import type { BlockBackend, DataRange, ReadableBlockBackend } from "./block-backend.js";
import { ForwardingBackend, ForwardingReader, isWritable } from "./forwarding.js";
import type { IoOptions, ReadOptions } from "./io-options.js";

/** Numbers of calls, and bytes asked for in them. */
export interface AccessCounters {
  sizes: number;
  reads: number;
  bytesRead: number;
  writes: number;
  bytesWritten: number;
  resizes: number;
  flushes: number;
  discards: number;
  bytesDiscarded: number;
  allocations: number;
  bytesAllocated: number;
  dataQueries: number;
}

/** What `withCounting` adds to a backend. */
export interface Counted {
  /** Live numbers; write to them to start over. */
  readonly counters: AccessCounters;
}

/** All counters at zero. */
export function newCounters(): AccessCounters {
  return {
    sizes: 0,
    reads: 0,
    bytesRead: 0,
    writes: 0,
    bytesWritten: 0,
    resizes: 0,
    flushes: 0,
    discards: 0,
    bytesDiscarded: 0,
    allocations: 0,
    bytesAllocated: 0,
    dataQueries: 0,
  };
}

/** `backend`, counting into `counters`, which several backends may share. */
export function withCounting(backend: BlockBackend, counters?: AccessCounters): BlockBackend & Counted;
export function withCounting(
  backend: ReadableBlockBackend,
  counters?: AccessCounters,
): ReadableBlockBackend & Counted;
export function withCounting(
  backend: ReadableBlockBackend,
  counters: AccessCounters = newCounters(),
): ReadableBlockBackend & Counted {
  return isWritable(backend) ? new CountedBackend(backend, counters) : new CountedReader(backend, counters);
}

class CountedReader extends ForwardingReader implements Counted {
  readonly counters: AccessCounters;

  constructor(inner: ReadableBlockBackend, counters: AccessCounters) {
    super(inner);
    this.counters = counters;
  }

  override size(options?: IoOptions): Promise<number> {
    this.counters.sizes += 1;
    return this.inner.size(options);
  }

  override read(offset: number, target: Uint8Array, options?: ReadOptions): Promise<void> {
    this.counters.reads += 1;
    this.counters.bytesRead += target.length;
    return this.inner.read(offset, target, options);
  }

  protected override forwardNextData(offset: number, options?: IoOptions): Promise<DataRange | undefined> {
    this.counters.dataQueries += 1;
    return super.forwardNextData(offset, options);
  }
}

class CountedBackend extends ForwardingBackend implements Counted {
  readonly counters: AccessCounters;

  constructor(inner: BlockBackend, counters: AccessCounters) {
    super(inner);
    this.counters = counters;
  }

  override size(options?: IoOptions): Promise<number> {
    this.counters.sizes += 1;
    return this.inner.size(options);
  }

  override read(offset: number, target: Uint8Array, options?: ReadOptions): Promise<void> {
    this.counters.reads += 1;
    this.counters.bytesRead += target.length;
    return this.inner.read(offset, target, options);
  }

  override write(offset: number, source: Uint8Array, options?: IoOptions): Promise<void> {
    this.counters.writes += 1;
    this.counters.bytesWritten += source.length;
    return this.inner.write(offset, source, options);
  }

  override resize(size: number, options?: IoOptions): Promise<void> {
    this.counters.resizes += 1;
    return this.inner.resize(size, options);
  }

  override flush(options?: IoOptions): Promise<void> {
    this.counters.flushes += 1;
    return this.inner.flush(options);
  }

  protected override forwardDiscard(offset: number, length: number, options?: IoOptions): Promise<void> {
    this.counters.discards += 1;
    this.counters.bytesDiscarded += length;
    return super.forwardDiscard(offset, length, options);
  }

  protected override forwardNextData(offset: number, options?: IoOptions): Promise<DataRange | undefined> {
    this.counters.dataQueries += 1;
    return super.forwardNextData(offset, options);
  }

  protected override forwardAllocate(offset: number, length: number, options?: IoOptions): Promise<void> {
    this.counters.allocations += 1;
    this.counters.bytesAllocated += length;
    return super.forwardAllocate(offset, length, options);
  }
}
