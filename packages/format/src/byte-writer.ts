// Owns range-checked big-endian writes at fixed offsets of one structure.
// Does not know any structure; the caller gives the length, and every byte not written stays zero.

import { FormatError } from "./errors.js";

/** Writes the fields of one structure; a value that does not fit its field is an error, never wrapped. */
export class ByteWriter {
  readonly bytes: Uint8Array;
  readonly structure: string;
  readonly #view: DataView;

  constructor(length: number, structure: string) {
    this.bytes = new Uint8Array(length);
    this.structure = structure;
    this.#view = new DataView(this.bytes.buffer);
  }

  u8(offset: number, field: string, value: number): void {
    this.#checkNumber(offset, field, value, 0xff);
    this.#view.setUint8(offset, value);
  }

  u16(offset: number, field: string, value: number): void {
    this.#checkNumber(offset, field, value, 0xffff);
    this.#view.setUint16(offset, value);
  }

  u32(offset: number, field: string, value: number): void {
    this.#checkNumber(offset, field, value, 0xffffffff);
    this.#view.setUint32(offset, value);
  }

  u64(offset: number, field: string, value: bigint): void {
    if (value < 0n || value >= 2n ** 64n) throw this.#doesNotFit(offset, field, value);
    this.#view.setBigUint64(offset, value);
  }

  put(offset: number, source: Uint8Array): void {
    this.bytes.set(source, offset);
  }

  #checkNumber(offset: number, field: string, value: number, maximum: number): void {
    if (!Number.isInteger(value) || value < 0 || value > maximum)
      throw this.#doesNotFit(offset, field, value);
  }

  #doesNotFit(offset: number, field: string, value: number | bigint): FormatError {
    const place = { structure: this.structure, field, offset };
    return new FormatError("QCOW2_INVALID_FIELD", `${field} cannot hold ${value}`, place);
  }
}

/** `length` rounded up to a multiple of 8, the alignment of header extensions and table entries. */
export function padTo8(length: number): number {
  return Math.ceil(length / 8) * 8;
}
