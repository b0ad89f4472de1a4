// A disk that tests look at, and hold up: every operation is logged, and reads or writes wait while a gate is shut.

import { ForwardingBackend, type IoOptions } from "@qcow/block";

export interface Logged {
  readonly kind: "read" | "write" | "flush" | "resize";
  readonly offset: number;
  readonly length: number;
}

export class Gate extends ForwardingBackend {
  readonly log: Logged[] = [];
  /** Says which operations wait. */
  shut: (operation: Logged) => boolean = () => false;
  #waiting: (() => void)[] = [];

  /** How many operations wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Lets all go on, and nothing waits any more. */
  open(): void {
    this.shut = () => false;
    for (const go of this.#waiting.splice(0)) go();
  }

  override async read(offset: number, target: Uint8Array, options?: IoOptions): Promise<void> {
    await this.#pass({ kind: "read", offset, length: target.byteLength });
    await this.inner.read(offset, target, options);
  }

  override async write(offset: number, source: Uint8Array, options?: IoOptions): Promise<void> {
    await this.#pass({ kind: "write", offset, length: source.byteLength });
    await this.inner.write(offset, source, options);
  }

  override async flush(options?: IoOptions): Promise<void> {
    await this.#pass({ kind: "flush", offset: 0, length: 0 });
    await this.inner.flush(options);
  }

  override async resize(size: number, options?: IoOptions): Promise<void> {
    await this.#pass({ kind: "resize", offset: size, length: 0 });
    await this.inner.resize(size, options);
  }

  async #pass(operation: Logged): Promise<void> {
    this.log.push(operation);
    if (!this.shut(operation)) return;
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
  }
}
