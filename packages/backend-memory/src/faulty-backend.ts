// A backend that misbehaves where it is told to: the n-th operation of a kind fails, comes up short,
// or takes long. Owns the counting, so that every run is the same; holds no bytes itself.

import {
  BackendError,
  type BackendErrorCode,
  type BlockBackend,
  type DataRange,
  ForwardingBackend,
  type IoOptions,
  type ReadOptions,
  type TimeBackend,
} from "@qcow/block";

/** The operations that can be disturbed. */
export type FaultyOperation =
  | "size"
  | "read"
  | "write"
  | "resize"
  | "flush"
  | "discard"
  | "allocate"
  | "nextData";

/** What happens to the operation that was chosen. */
export type FaultEffect =
  /** It fails and has no effect. `BACKEND_IO` unless `code` says otherwise. */
  | { readonly kind: "fail"; readonly code?: BackendErrorCode }
  /** It takes effect and then fails, as when only the answer is lost. */
  | { readonly kind: "fail-after"; readonly code?: BackendErrorCode }
  /**
   * Only its first `bytes` take effect, then it fails: a read with `BACKEND_SHORT_READ` (and those bytes in its
   * target), a write with `BACKEND_IO` (torn). Other operations fail without effect.
   */
  | { readonly kind: "short"; readonly bytes: number }
  /** It waits for `ms` milliseconds of the clock, then goes on. */
  | { readonly kind: "delay"; readonly ms: number }
  /** It waits until the promise settles, then goes on. */
  | { readonly kind: "hold"; readonly until: Promise<unknown> };

/** One disturbance. */
export interface Fault {
  /** The kind that is counted; "any" counts all of them together. */
  readonly operation: FaultyOperation | "any";
  /** Which one is hit, from 1, counted since the backend was wrapped. */
  readonly nth: number;
  /** How many in a row are hit; 1 when absent, `Infinity` for all from there on. */
  readonly times?: number;
  readonly effect: FaultEffect;
}

export interface FaultyBackendOptions {
  readonly faults?: readonly Fault[] | undefined;
  /** Needed for faults of the kind `delay`. */
  readonly clock?: TimeBackend | undefined;
}

interface Access {
  readonly operation: FaultyOperation;
  readonly offset: number;
  readonly length: number;
  readonly options: IoOptions | undefined;
}

/** `inner` with faults. For a backend that is only read, wrap and narrow: `readOnly(new FaultyBackend(…))`. */
export class FaultyBackend extends ForwardingBackend {
  readonly #faults: Fault[];
  readonly #clock: TimeBackend | undefined;
  readonly #counts = {
    any: 0,
    size: 0,
    read: 0,
    write: 0,
    resize: 0,
    flush: 0,
    discard: 0,
    allocate: 0,
    nextData: 0,
  };

  constructor(inner: BlockBackend, options: FaultyBackendOptions = {}) {
    super(inner);
    this.#faults = [...(options.faults ?? [])];
    this.#clock = options.clock;
  }

  /** How many operations of each kind, and of any, were asked for so far. */
  get counts(): Readonly<Record<FaultyOperation | "any", number>> {
    return { ...this.#counts };
  }

  /** Adds a fault; its `nth` still counts from when the backend was wrapped. */
  add(fault: Fault): void {
    this.#faults.push(fault);
  }

  /** Forgets all faults. */
  heal(): void {
    this.#faults.length = 0;
  }

  override size(options?: IoOptions): Promise<number> {
    const access: Access = { operation: "size", offset: 0, length: 0, options };
    return this.#run(access, () => this.inner.size(options));
  }

  override read(offset: number, target: Uint8Array, options?: ReadOptions): Promise<void> {
    const access: Access = { operation: "read", offset, length: target.length, options };
    return this.#run(access, (length) => this.inner.read(offset, target.subarray(0, length), options));
  }

  override async write(offset: number, source: Uint8Array, options?: IoOptions): Promise<void> {
    const access: Access = { operation: "write", offset, length: source.length, options };
    await this.#run(access, (length) => this.inner.write(offset, source.subarray(0, length), options));
  }

  override resize(size: number, options?: IoOptions): Promise<void> {
    const access: Access = { operation: "resize", offset: size, length: 0, options };
    return this.#run(access, () => this.inner.resize(size, options));
  }

  override flush(options?: IoOptions): Promise<void> {
    const access: Access = { operation: "flush", offset: 0, length: 0, options };
    return this.#run(access, () => this.inner.flush(options));
  }

  protected override forwardDiscard(offset: number, length: number, options?: IoOptions): Promise<void> {
    const access: Access = { operation: "discard", offset, length, options };
    return this.#run(access, () => super.forwardDiscard(offset, length, options));
  }

  protected override forwardAllocate(offset: number, length: number, options?: IoOptions): Promise<void> {
    const access: Access = { operation: "allocate", offset, length, options };
    return this.#run(access, () => super.forwardAllocate(offset, length, options));
  }

  protected override forwardNextData(offset: number, options?: IoOptions): Promise<DataRange | undefined> {
    const access: Access = { operation: "nextData", offset, length: 0, options };
    return this.#run(access, () => super.forwardNextData(offset, options));
  }

  /** Runs `perform` under the faults that hit this access; `perform` is told how many bytes may take effect. */
  async #run<T>(access: Access, perform: (length: number) => Promise<T>): Promise<T> {
    for (const effect of this.#effectsOn(access.operation)) {
      if (effect.kind === "delay") await this.#clockFor(access).sleep(effect.ms, access.options);
      else if (effect.kind === "hold") await effect.until;
      else return await this.#fail(access, effect, perform);
    }
    return await perform(access.length);
  }

  /** Counts the access, and picks what happens to it: waiting first, then at most one failure. */
  #effectsOn(operation: FaultyOperation): FaultEffect[] {
    this.#counts.any += 1;
    this.#counts[operation] += 1;
    const hits = this.#faults.filter((fault) => this.#isHit(fault, operation)).map((fault) => fault.effect);
    return [...hits.filter(isWait), ...hits.filter((effect) => !isWait(effect))];
  }

  #isHit(fault: Fault, operation: FaultyOperation): boolean {
    if (fault.operation !== "any" && fault.operation !== operation) return false;
    const count = this.#counts[fault.operation];
    return count >= fault.nth && count < fault.nth + (fault.times ?? 1);
  }

  async #fail<T>(
    access: Access,
    effect: Exclude<FaultEffect, Wait>,
    perform: (length: number) => Promise<T>,
  ): Promise<never> {
    if (effect.kind === "fail-after") await perform(access.length);
    if (effect.kind !== "short") throw this.#fault(effect.code ?? "BACKEND_IO", access);
    const transfers = access.operation === "read" || access.operation === "write";
    if (transfers) await perform(Math.min(effect.bytes, access.length));
    throw this.#fault(access.operation === "read" ? "BACKEND_SHORT_READ" : "BACKEND_IO", access);
  }

  #fault(code: BackendErrorCode, { operation, offset, length }: Access): BackendError {
    const { label } = this;
    return new BackendError(code, `${label}: injected fault in ${operation}`, { label, offset, length });
  }

  #clockFor(access: Access): TimeBackend {
    if (this.#clock !== undefined) return this.#clock;
    throw new TypeError(`a fault delays ${access.operation}, but FaultyBackend was given no clock`);
  }
}

type Wait = Extract<FaultEffect, { kind: "delay" | "hold" }>;

function isWait(effect: FaultEffect): effect is Wait {
  return effect.kind === "delay" || effect.kind === "hold";
}
