// Where bytes go that memory has no room for. Owns that it is made when it is first needed, and closed at the end.

import type { BlockBackend } from "@qcow/block";
import { EngineError } from "../engine-error.js";

/** Makes an empty place for bytes that do not fit into memory; it is closed, and may vanish, when the work has ended. */
export type SpillOpener = () => Promise<BlockBackend>;

export class Spill {
  readonly #open: SpillOpener | undefined;
  #opened: Promise<BlockBackend> | undefined;

  constructor(open: SpillOpener | undefined) {
    this.#open = open;
  }

  /** Rejects `QCOW2_MISSING_CAPABILITY` where the caller has given no place. */
  backend(): Promise<BlockBackend> {
    this.#opened ??= this.#make();
    return this.#opened;
  }

  async #make(): Promise<BlockBackend> {
    if (this.#open !== undefined) return await this.#open();
    const message = "this needs more memory than is allowed, and there is no place to spill to";
    throw new EngineError("QCOW2_MISSING_CAPABILITY", message);
  }

  async close(): Promise<void> {
    const backend = await this.#opened?.catch(() => undefined);
    await backend?.close();
  }
}
