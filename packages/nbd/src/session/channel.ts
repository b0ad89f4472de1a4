// The stream of one connection, and where reading from it has got to. Owns that TLS can take the stream's place.

import { NbdProtocolError } from "../protocol/protocol-error.js";
import { ByteSource } from "./byte-source.js";
import type { NbdStream } from "./nbd-stream.js";

export class Channel {
  #stream: NbdStream;
  #source: ByteSource;
  #destroyed = false;

  constructor(stream: NbdStream) {
    this.#stream = stream;
    this.#source = new ByteSource(stream);
  }

  get stream(): NbdStream {
    return this.#stream;
  }

  get source(): ByteSource {
    return this.#source;
  }

  /** From here on everything goes through what `upgrade` makes of the stream. */
  async replace(upgrade: (stream: NbdStream) => Promise<NbdStream>): Promise<void> {
    // What was sent in the clear must not pass for something that came through TLS.
    if (this.#source.buffered > 0) {
      throw new NbdProtocolError("NBD_BAD_VALUE", "the client did not wait for TLS");
    }
    const stream = await upgrade(this.#stream);
    this.#stream = stream;
    this.#source = new ByteSource(stream);
    if (this.#destroyed) stream.destroy();
  }

  destroy(): void {
    this.#destroyed = true;
    this.#stream.destroy();
  }
}
