// The header of an image that is being changed. Owns how it is written: one write within the first sector, so that a
// torn write leaves it old or new (all fields that ever change lie there).

import type { BlockBackend } from "@qcow/block";
import {
  encodeHeader,
  type Header,
  INCOMPATIBLE_CORRUPT_BIT,
  INCOMPATIBLE_DIRTY_BIT,
  isCorrupt,
  isDirty,
} from "@qcow/format";
import { Mutex } from "../allocate/mutex.js";
import { EngineError } from "../engine-error.js";

const SECTOR_BYTES = 512;

export class HeaderStore {
  readonly #backend: BlockBackend;
  readonly #mutex = new Mutex();
  #header: Header;
  #foundCorrupt = false;
  /** The last write failed: the file may have what it was to say. */
  #isUncertain = false;

  constructor(backend: BlockBackend, header: Header) {
    this.#backend = backend;
    this.#header = header;
  }

  get header(): Header {
    return this.#header;
  }

  get isDirty(): boolean {
    return isDirty(this.#header);
  }

  /** Whether the file may have the dirty bit, although a write that was to set it failed. */
  get mayBeDirty(): boolean {
    return this.isDirty || this.#isUncertain;
  }

  /** Whether the last write failed, so that the file may say something else than `header`. */
  get isUncertain(): boolean {
    return this.#isUncertain;
  }

  get isCorrupt(): boolean {
    return this.#foundCorrupt || isCorrupt(this.#header);
  }

  /** Writes the header with `changes`; not durable before a flush. When it rejects, the old header counts. */
  update(changes: Partial<Header>): Promise<void> {
    return this.#mutex.run(() => this.#write(changes));
  }

  async #write(changes: Partial<Header>): Promise<void> {
    const header = { ...this.#header, ...changes };
    const bytes = encodeHeader(header);
    this.#isUncertain = true;
    await this.#backend.write(0, bytes.subarray(0, Math.min(bytes.byteLength, SECTOR_BYTES)));
    this.#isUncertain = false;
    this.#header = header;
  }

  /** Sets or clears the dirty bit: refcounts may be stale. Version 3 only. */
  async setDirty(dirty: boolean): Promise<void> {
    await this.#setIncompatible(INCOMPATIBLE_DIRTY_BIT, dirty);
  }

  /** From now on `isCorrupt`. Sets the corrupt bit, where the version has one. */
  async setCorrupt(): Promise<void> {
    this.#foundCorrupt = true;
    if (this.#header.version >= 3) await this.#setIncompatible(INCOMPATIBLE_CORRUPT_BIT, true);
  }

  // One after the other: each starts from what the one before has left.
  #setIncompatible(bit: number, on: boolean): Promise<void> {
    const mask = 1n << BigInt(bit);
    return this.#mutex.run(async () => {
      const rest = this.#header.incompatibleFeatures & ~mask;
      const incompatibleFeatures = on ? rest | mask : rest;
      if (incompatibleFeatures === this.#header.incompatibleFeatures && !this.#isUncertain) return;
      await this.#write({ incompatibleFeatures });
    });
  }
}

/** Throws `QCOW2_CORRUPT` when the image was found to be. */
export function requireNotCorrupt(label: string, header: HeaderStore): void {
  if (!header.isCorrupt) return;
  throw new EngineError("QCOW2_CORRUPT", `${label} was found to be corrupt; repair it before writing to it`);
}
