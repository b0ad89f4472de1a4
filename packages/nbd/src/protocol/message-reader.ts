// Reads the fields of one message, whose bytes are all there. Owns that nothing is read past its end, and that nothing
// is left over unless the message allows it.

import { NbdProtocolError } from "./protocol-error.js";
import { decodeText } from "./text.js";

export class MessageReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #what: string;
  #at = 0;

  /** `what` names the message in errors. */
  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
  }

  get left(): number {
    return this.#bytes.byteLength - this.#at;
  }

  u16(): number {
    return this.#view.getUint16(this.#step(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#step(4));
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#step(8));
  }

  /** The next `length` bytes, not copied. */
  bytes(length: number): Uint8Array {
    const at = this.#step(length);
    return this.#bytes.subarray(at, at + length);
  }

  text(length: number): string {
    return decodeText(this.bytes(length), this.#what);
  }

  /** A string after its length in 32 bits. */
  countedText(): string {
    return this.text(this.u32());
  }

  /** Throws unless the next 64 bits (or 32, of a number) are `value`. */
  magic(value: bigint | number): void {
    const found = typeof value === "bigint" ? this.u64() : this.u32();
    if (found === value) return;
    throw new NbdProtocolError(
      "NBD_BAD_MAGIC",
      `the magic number of ${this.#what} is 0x${found.toString(16)}`,
    );
  }

  /** Throws when bytes are left over. */
  end(): void {
    if (this.left === 0) return;
    throw new NbdProtocolError("NBD_BAD_LENGTH", `${this.#what} has ${this.left} bytes too many`);
  }

  #step(length: number): number {
    const at = this.#at;
    if (length > this.#bytes.byteLength - at) {
      throw new NbdProtocolError("NBD_BAD_LENGTH", `${this.#what} ends before its fields do`);
    }
    this.#at = at + length;
    return at;
  }
}
