// An L1 table in memory: as many entries as the file has, the rest zero. Owns the addressing, not the
// meaning of entries (@qcow/format, l1-entry).

import type { IoOptions, ReadableBlockBackend } from "@qcow/block";
import { l1EntryOffset } from "@qcow/format";
import { EngineError } from "../engine-error.js";
import { readAvailable } from "./read-available.js";

const ENTRY_BYTES = 8;

export class L1Table {
  /** Number of entries the image claims. */
  readonly size: number;
  readonly #view: DataView;
  readonly #present: number;

  constructor(bytes: Uint8Array, size: number) {
    this.size = size;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#present = Math.min(size, Math.floor(bytes.byteLength / ENTRY_BYTES));
  }

  /** High 32 bits of entry `index`. */
  high(index: number): number {
    return index < this.#present ? this.#view.getUint32(index * ENTRY_BYTES) : 0;
  }

  /** Low 32 bits of entry `index`. */
  low(index: number): number {
    return index < this.#present ? this.#view.getUint32(index * ENTRY_BYTES + 4) : 0;
  }

  /** Host offset in bytes of the L2 table of entry `index`; 0 when there is none. */
  l2Offset(index: number): number {
    return l1EntryOffset(this.high(index), this.low(index));
  }

  /** The first index from `from` to `to` (exclusive) whose entry names an L2 table; `to` when none does. */
  nextPresent(from: number, to: number): number {
    const end = Math.min(to, this.#present);
    for (let index = from; index < end; index++) if (this.l2Offset(index) !== 0) return index;
    return Math.max(from, to);
  }
}

/** Where an L1 table lies. */
export interface L1Location {
  /** Host offset in bytes. */
  readonly offset: number;
  /** Number of entries. */
  readonly size: number;
}

/** Reads an L1 table; one that lies wholly past the end of the file is an error, because the image is then cut short. */
export async function readL1Table(
  backend: ReadableBlockBackend,
  location: L1Location,
  fileSize: number,
  options: IoOptions = {},
): Promise<L1Table> {
  if (location.size > 0 && location.offset >= fileSize) {
    throw new EngineError(
      "QCOW2_REFERENCE_OUTSIDE_FILE",
      `the L1 table at offset ${location.offset} lies past the end of ${backend.label} (${fileSize} bytes): the image is cut short`,
      { offset: location.offset },
    );
  }
  const bytes = await readAvailable(backend, location.offset, location.size * ENTRY_BYTES, fileSize, options);
  return new L1Table(bytes, location.size);
}
