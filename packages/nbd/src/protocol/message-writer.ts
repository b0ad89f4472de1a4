// Writes the fields of one message whose length is known before. Owns that it is filled exactly.

/** A message whose last field is still to be filled. */
export interface RoomyMessage {
  readonly message: Uint8Array;
  /** The part of `message` that is to be filled. */
  readonly data: Uint8Array;
}

/** Where the bytes of a message come from: a buffer that is as long as asked for, with anything in it. */
export type MessageBuffers = (length: number) => Uint8Array<ArrayBuffer>;

const fresh: MessageBuffers = (length) => new Uint8Array(length);

export class MessageWriter {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(length: number, make: MessageBuffers = fresh) {
    this.#bytes = make(length);
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, length);
  }

  u16(value: number): this {
    this.#view.setUint16(this.#step(2), value);
    return this;
  }

  u32(value: number): this {
    this.#view.setUint32(this.#step(4), value);
    return this;
  }

  u64(value: bigint): this {
    this.#view.setBigUint64(this.#step(8), value);
    return this;
  }

  bytes(value: Uint8Array): this {
    this.#bytes.set(value, this.#step(value.byteLength));
    return this;
  }

  /** The message; throws when it was not filled. */
  done(): Uint8Array {
    if (this.#at !== this.#bytes.byteLength) throw new RangeError("the message is not full");
    return this.#bytes;
  }

  /** The message, with all that was not written yet as its last field. */
  withRoom(): RoomyMessage {
    return { message: this.#bytes, data: this.#bytes.subarray(this.#at) };
  }

  #step(length: number): number {
    const at = this.#at;
    this.#at = at + length;
    return at;
  }
}
