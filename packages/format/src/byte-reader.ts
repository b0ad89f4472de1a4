// Owns bounds-checked big-endian reads at fixed offsets of one structure.
// Does not know any structure; offsets are relative to the structure's first byte.

import { FormatError } from "./errors.js";

/** Reads the fields of one structure; every error names the structure, the field and its offset in bytes. */
export class ByteReader {
  readonly structure: string;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, structure: string) {
    this.structure = structure;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes there are. */
  get length(): number {
    return this.#bytes.length;
  }

  u8(offset: number, field: string): number {
    this.require(offset, 1, field);
    return this.#view.getUint8(offset);
  }

  u16(offset: number, field: string): number {
    this.require(offset, 2, field);
    return this.#view.getUint16(offset);
  }

  u32(offset: number, field: string): number {
    this.require(offset, 4, field);
    return this.#view.getUint32(offset);
  }

  u64(offset: number, field: string): bigint {
    this.require(offset, 8, field);
    return this.#view.getBigUint64(offset);
  }

  /** A copy of `length` bytes. Checks before it allocates. */
  bytes(offset: number, length: number, field: string): Uint8Array {
    this.require(offset, length, field);
    return this.#bytes.slice(offset, offset + length);
  }

  /** @throws FormatError `QCOW2_TRUNCATED` unless `length` bytes are there at `offset`. */
  require(offset: number, length: number, field: string): void {
    if (offset + length <= this.#bytes.length) return;
    const there = Math.max(0, this.#bytes.length - offset);
    const problem = `${length} bytes for ${field} are needed at offset ${offset}, only ${there} are there`;
    throw new FormatError("QCOW2_TRUNCATED", problem, { structure: this.structure, field, offset });
  }
}
