// Takes messages from a stream that comes in chunks of any size. Owns the chunk that was begun; never holds more.

import { NbdProtocolError } from "../protocol/protocol-error.js";
import type { NbdStream } from "./nbd-stream.js";

const EMPTY = new Uint8Array(0);

export class ByteSource {
  readonly #stream: Pick<NbdStream, "read">;
  #chunk: Uint8Array = EMPTY;
  #at = 0;

  constructor(stream: Pick<NbdStream, "read">) {
    this.#stream = stream;
  }

  /** Bytes that came and were not taken. */
  get buffered(): number {
    return this.#chunk.byteLength - this.#at;
  }

  /** The next `length` bytes if they are here in one piece: the common case needs no promise. */
  takeNow(length: number): Uint8Array | undefined {
    if (this.buffered < length) return undefined;
    const at = this.#at;
    this.#at = at + length;
    return this.#chunk.subarray(at, at + length);
  }

  /** The next `length` bytes; undefined when the stream ends before the first of them. */
  async takeOrEnd(length: number): Promise<Uint8Array | undefined> {
    if (this.buffered === 0 && !(await this.#next())) return undefined;
    return await this.take(length);
  }

  /** The next `length` bytes; rejects `NBD_CUT_SHORT` when the stream ends before. */
  async take(length: number): Promise<Uint8Array> {
    const now = this.takeNow(length);
    if (now !== undefined) return now;
    const target = new Uint8Array(length);
    await this.fill(target);
    return target;
  }

  /** Fills `target` with the next bytes. */
  async fill(target: Uint8Array): Promise<void> {
    for (let filled = 0; filled < target.byteLength; ) {
      const part = await this.#some(target.byteLength - filled);
      target.set(part, filled);
      filled += part.byteLength;
    }
  }

  /** Lets the next `length` bytes go by. */
  async skip(length: number): Promise<void> {
    for (let left = length; left > 0; ) left -= (await this.#some(left)).byteLength;
  }

  /** From 1 to `lengthMax` bytes. */
  async #some(lengthMax: number): Promise<Uint8Array> {
    if (this.buffered === 0 && !(await this.#next())) {
      throw new NbdProtocolError("NBD_CUT_SHORT", "the connection ended in the midst of a message");
    }
    return this.takeNow(Math.min(lengthMax, this.buffered)) as Uint8Array;
  }

  async #next(): Promise<boolean> {
    const chunk = await this.#stream.read();
    this.#chunk = chunk ?? EMPTY;
    this.#at = 0;
    return chunk !== undefined;
  }
}
