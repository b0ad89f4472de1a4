// Backends that hand every access on to another one: what decorators extend. Own no behaviour of
// their own; label, identity and closing are always those of the inner backend.

import type { BlockBackend, DataRange, ReadableBlockBackend } from "./block-backend.js";
import type { IoOptions, ReadOptions } from "./io-options.js";

/** Hands reading on to `inner`; has no write members, whatever `inner` has, and `nextData` exactly when `inner` has it. */
export class ForwardingReader<Inner extends ReadableBlockBackend = ReadableBlockBackend>
  implements ReadableBlockBackend
{
  declare readonly nextData?: (offset: number, options?: IoOptions) => Promise<DataRange | undefined>;
  protected readonly inner: Inner;

  constructor(inner: Inner) {
    this.inner = inner;
    if (inner.nextData === undefined) return;
    this.nextData = (offset, options) => this.forwardNextData(offset, options);
  }

  get label(): string {
    return this.inner.label;
  }

  get identity(): string | undefined {
    return this.inner.identity;
  }

  get preferredReadBytes(): number | undefined {
    return this.inner.preferredReadBytes;
  }

  size(options?: IoOptions): Promise<number> {
    return this.inner.size(options);
  }

  read(offset: number, target: Uint8Array, options?: ReadOptions): Promise<void> {
    return this.inner.read(offset, target, options);
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What `nextData` does where it is present; decorators override this one. */
  protected async forwardNextData(offset: number, options?: IoOptions): Promise<DataRange | undefined> {
    return await this.inner.nextData?.(offset, options);
  }
}

/** Hands reading and writing on to `inner`; has `discard` and `allocate` exactly when `inner` has them. */
export class ForwardingBackend extends ForwardingReader<BlockBackend> implements BlockBackend {
  declare readonly discard?: (offset: number, length: number, options?: IoOptions) => Promise<void>;
  declare readonly allocate?: (offset: number, length: number, options?: IoOptions) => Promise<void>;

  constructor(inner: BlockBackend) {
    super(inner);
    if (inner.discard !== undefined)
      this.discard = (offset, length, options) => this.forwardDiscard(offset, length, options);
    if (inner.allocate !== undefined)
      this.allocate = (offset, length, options) => this.forwardAllocate(offset, length, options);
  }

  write(offset: number, source: Uint8Array, options?: IoOptions): Promise<void> {
    return this.inner.write(offset, source, options);
  }

  resize(size: number, options?: IoOptions): Promise<void> {
    return this.inner.resize(size, options);
  }

  flush(options?: IoOptions): Promise<void> {
    return this.inner.flush(options);
  }

  /** What `discard` does where it is present; decorators override this one. */
  protected async forwardDiscard(offset: number, length: number, options?: IoOptions): Promise<void> {
    await this.inner.discard?.(offset, length, options);
  }

  /** What `allocate` does where it is present; decorators override this one. */
  protected async forwardAllocate(offset: number, length: number, options?: IoOptions): Promise<void> {
    await this.inner.allocate?.(offset, length, options);
  }
}

/** Whether `backend` can also be written, seen by its members. */
export function isWritable(backend: ReadableBlockBackend): backend is BlockBackend {
  return typeof (backend as Partial<BlockBackend>).write === "function";
}
