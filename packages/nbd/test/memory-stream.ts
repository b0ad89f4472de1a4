// Two ends of a connection in memory. Owns that a writer waits while the reader has more than `bufferMax` bytes to read.

import type { NbdStream } from "../src/index.js";

class Pipe {
  #chunks: Uint8Array[] = [];
  /** Taken from the front; shifting a long array moves all of it. */
  #taken = 0;
  readonly #bufferMax: number;
  #bytes = 0;
  #ended = false;
  #broken = false;
  #wake: (() => void)[] = [];

  constructor(bufferMax: number) {
    this.#bufferMax = bufferMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      if (this.#broken) throw new Error("the connection broke");
      const chunk = this.#chunks[this.#taken];
      if (chunk !== undefined) {
        this.#taken += 1;
        if (this.#taken === this.#chunks.length) {
          this.#chunks = [];
          this.#taken = 0;
        }
        this.#bytes -= chunk.byteLength;
        this.#notify();
        return chunk;
      }
      if (this.#ended) return undefined;
      await this.#change();
    }
  }

  async write(parts: readonly Uint8Array[]): Promise<void> {
    for (const part of parts) {
      while (this.#bytes > this.#bufferMax && !this.#ended && !this.#broken) await this.#change();
      if (this.#ended || this.#broken) throw new Error("nobody reads any more");
      if (part.byteLength === 0) continue;
      this.#chunks.push(part.slice());
      this.#bytes += part.byteLength;
      this.#notify();
    }
  }

  end(): void {
    this.#ended = true;
    this.#notify();
  }

  break(): void {
    this.#broken = true;
    this.#notify();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake.push(resolve);
    });
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

/** One end; `unread` are the bytes that the other end has not taken. */
export interface MemoryStream extends NbdStream {
  readonly unread: number;
  /** Sends no more, but goes on reading. */
  end(): void;
  readonly state: "open" | "closed" | "destroyed";
}

export function memoryStreams(bufferMax = 1024 * 1024): [server: MemoryStream, client: MemoryStream] {
  const up = new Pipe(bufferMax);
  const down = new Pipe(bufferMax);
  return [endOf(up, down), endOf(down, up)];
}

function endOf(incoming: Pipe, outgoing: Pipe): MemoryStream {
  let state: MemoryStream["state"] = "open";
  return {
    get unread() {
      return outgoing.bytes;
    },
    get state() {
      return state;
    },
    read: () => incoming.read(),
    write: (parts) => outgoing.write(parts),
    end: () => outgoing.end(),
    close() {
      if (state === "open") state = "closed";
      incoming.end();
      outgoing.end();
    },
    destroy() {
      state = "destroyed";
      incoming.break();
      outgoing.break();
    },
  };
}
