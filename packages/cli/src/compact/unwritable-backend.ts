// The bytes of an image for an operation that could write and was told not to. Owns that nothing is written by mistake.

import { BackendError, type BlockBackend, ForwardingReader } from "@qcow/block";

/** Hands reading on; whatever would write rejects with `BACKEND_UNSUPPORTED`. */
export class UnwritableBackend extends ForwardingReader implements BlockBackend {
  write(): Promise<void> {
    return this.#refuse();
  }

  resize(): Promise<void> {
    return this.#refuse();
  }

  flush(): Promise<void> {
    return this.#refuse();
  }

  #refuse(): Promise<void> {
    const { label } = this;
    return Promise.reject(new BackendError("BACKEND_UNSUPPORTED", `${label} is open for reading`, { label }));
  }
}
