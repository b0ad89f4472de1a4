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

const SECTOR_BYTES = 512;

export class HeaderStore {
  readonly #backend: BlockBackend;
  #header: Header;

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

  get isCorrupt(): boolean {
    return isCorrupt(this.#header);
  }

  /** Writes the header with `changes`; not durable before a flush. When it rejects, the old header counts. */
  async update(changes: Partial<Header>): Promise<void> {
    const header = { ...this.#header, ...changes };
    const bytes = encodeHeader(header);
    await this.#backend.write(0, bytes.subarray(0, Math.min(bytes.byteLength, SECTOR_BYTES)));
    this.#header = header;
  }

  /** Sets or clears the dirty bit: refcounts may be stale. Version 3 only. */
  async setDirty(dirty: boolean): Promise<void> {
    await this.#setIncompatible(INCOMPATIBLE_DIRTY_BIT, dirty);
  }

  /** Sets the corrupt bit, where the version has one. */
  async setCorrupt(): Promise<void> {
    if (this.#header.version >= 3) await this.#setIncompatible(INCOMPATIBLE_CORRUPT_BIT, true);
  }

  async #setIncompatible(bit: number, on: boolean): Promise<void> {
    const mask = 1n << BigInt(bit);
    const rest = this.#header.incompatibleFeatures & ~mask;
    const incompatibleFeatures = on ? rest | mask : rest;
    if (incompatibleFeatures === this.#header.incompatibleFeatures) return;
    await this.update({ incompatibleFeatures });
  }
}
