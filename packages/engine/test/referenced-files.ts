// The files that images in a test name, and what became of them: who asked for them, who closed them.

import { BackendError, type BlockBackend, ForwardingBackend } from "@qcow/block";
import type { Reference, ReferenceOpener } from "../src/index.js";

/** A backend that knows whether it was closed. */
export class Watched extends ForwardingBackend {
  closes = 0;

  override async close(): Promise<void> {
    this.closes++;
    await super.close();
  }
}

/** Files by name; each open gives the same watched backend. */
export class Files {
  readonly asked: Reference[] = [];
  readonly files = new Map<
    string,
    { readonly backend: Watched; readonly format?: string; readonly trusted?: boolean }
  >();

  add(name: string, backend: BlockBackend, how: { format?: string; trusted?: boolean } = {}): this {
    this.files.set(name, { backend: new Watched(backend), ...how });
    return this;
  }

  readonly open: ReferenceOpener = async (reference) => {
    this.asked.push(reference);
    const file = this.files.get(reference.name);
    if (file === undefined) throw new BackendError("BACKEND_NOT_FOUND", `${reference.name} is not there`);
    return file;
  };

  get closes(): Record<string, number> {
    return Object.fromEntries([...this.files].map(([name, { backend }]) => [name, backend.closes]));
  }
}
