// One decoder of node:zlib that takes frame after frame: setting one up costs more than decoding a cluster
// with it. Owns the rule when a decoder may be used again: only after exactly the output that was expected.

import type { Transform } from "node:stream";

/** Decodes one frame at a time; `isUsable` tells whether there may be a next one. */
export class ZstdDecoder {
  readonly #stream: Transform;
  #output: Uint8Array = new Uint8Array(0);
  #used = 0;
  #fail: (error: Error) => void = () => {};
  #usable = true;

  constructor(stream: Transform) {
    this.#stream = stream;
    stream.on("data", (chunk: Uint8Array) => this.#take(chunk));
    stream.on("error", (error: Error) => this.#break(error));
  }

  get isUsable(): boolean {
    return this.#usable;
  }

  /** What `frame`, which must be one whole frame, yields: `length` bytes, or fewer. Rejects for more. */
  decode(frame: Uint8Array, length: number): Promise<Uint8Array> {
    this.#output = new Uint8Array(length);
    this.#used = 0;
    return new Promise((resolve, reject) => {
      this.#fail = reject;
      // The callback comes once the frame is taken in and all that it yields is handed out.
      this.#stream.write(frame, (error) => {
        if (error) return this.#break(error);
        if (this.#used < length) this.#break(undefined);
        resolve(this.#output.subarray(0, this.#used));
      });
    });
  }

  #take(chunk: Uint8Array): void {
    if (this.#used + chunk.length > this.#output.length) {
      this.#break(Object.assign(new Error("the frame yields too much"), { code: "ERR_BUFFER_TOO_LARGE" }));
      return;
    }
    this.#output.set(chunk, this.#used);
    this.#used += chunk.length;
  }

  #break(error: Error | undefined): void {
    this.#usable = false;
    this.#stream.destroy();
    if (error !== undefined) this.#fail(error);
  }
}

/** Decoders that wait for their next frame. */
export class ZstdDecoders {
  readonly #create: () => Transform;
  readonly #idle: ZstdDecoder[] = [];

  constructor(create: () => Transform) {
    this.#create = create;
  }

  /** Decodes one whole frame; see `ZstdDecoder.decode`. */
  async decode(frame: Uint8Array, length: number): Promise<Uint8Array> {
    const decoder = this.#idle.pop() ?? new ZstdDecoder(this.#create());
    try {
      return await decoder.decode(frame, length);
    } finally {
      if (decoder.isUsable) this.#idle.push(decoder);
    }
  }
}
