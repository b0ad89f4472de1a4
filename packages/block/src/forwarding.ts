// Backends that hand every access on to another one: what decorators extend. Own no behaviour of
// their own; label, identity and closing are always those of the inner backend.

import type { BlockBackend, ReadableBlockBackend } from "./block-backend.js";
import type { IoOptions } from "./io-options.js";

/** Hands reading on to `inner`; has no write members, whatever `inner` has. */
export class ForwardingReader<Inner extends ReadableBlockBackend = ReadableBlockBackend>
  implements ReadableBlockBackend
{
  protected readonly inner: Inner;

  constructor(inner: Inner) {
    this.inner = inner;
  }

  get label(): string {
    return this.inner.label;
  }

  get identity(): string | undefined {
    return this.inner.identity;
  }

  size(options?: IoOptions): Promise<number> {
    return this.inner.size(options);
  }

  read(offset: number, target: Uint8Array, options?: IoOptions): Promise<void> {
    return this.inner.read(offset, target, options);
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Hands reading and writing on to `inner`; has `discard` exactly when `inner` has it. */
export class ForwardingBackend extends ForwardingReader<BlockBackend> implements BlockBackend {
  declare readonly discard?: (offset: number, length: number, options?: IoOptions) => Promise<void>;

  constructor(inner: BlockBackend) {
    super(inner);
    if (inner.discard === undefined) return;
    this.discard = (offset, length, options) => this.forwardDiscard(offset, length, options);
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
}

/** Whether `backend` can also be written, seen by its members. */
export function isWritable(backend: ReadableBlockBackend): backend is BlockBackend {
  return typeof (backend as Partial<BlockBackend>).write === "function";
}
