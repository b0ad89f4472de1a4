// A socket of Node.js as a stream for sessions. Owns that data is read only when it is asked for, and that what is
// written goes out together.

import type { Socket } from "node:net";
import type { NbdStream } from "../session/nbd-stream.js";

/** Data that may lie here unread before the socket is paused: in bytes, and in pieces, which may be of one byte each. */
const UNREAD_BYTES_MAX = 256 * 1024;
const UNREAD_CHUNKS_MAX = 32;

export function socketStream(socket: Socket): NbdStream {
  return new SocketStream(socket);
}

export class SocketStream implements NbdStream {
  readonly socket: Socket;
  readonly #unread: Uint8Array[] = [];
  #unreadBytes = 0;
  #ended = false;
  #error: Error | undefined;
  #onChange: (() => void) | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket
      .on("data", this.#onData)
      .on("end", this.#onEnd)
      .on("close", this.#onEnd)
      .on("error", this.#onError);
  }

  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const chunk = this.#unread.shift();
      if (chunk !== undefined) {
        this.#unreadBytes -= chunk.byteLength;
        if (this.socket.isPaused() && !this.#isFull()) this.socket.resume();
        return chunk;
      }
      if (this.#error !== undefined) throw this.#error;
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#onChange = resolve;
      });
    }
  }

  async write(parts: readonly Uint8Array[]): Promise<void> {
    if (parts.length === 0) return;
    const { socket } = this;
    await new Promise<void>((resolve, reject) => {
      const done = (error?: Error | null) => (error ? reject(error) : resolve());
      // What is corked goes through a queue.
      if (parts.length > 1) socket.cork();
      for (let index = 0; index < parts.length - 1; index++) socket.write(parts[index] as Uint8Array);
      socket.write(parts[parts.length - 1] as Uint8Array, done);
      if (parts.length > 1) socket.uncork();
    });
  }

  close(): void {
    // What the peer still sends is of no interest, but unread it would turn the end into a reset.
    this.detach();
    this.socket.on("error", () => undefined).resume();
    this.socket.destroySoon();
    this.#forget();
  }

  destroy(): void {
    this.socket.destroy();
    this.#forget();
  }

  /** Leaves the socket to somebody else, with nothing read from it that was not taken. */
  detach(): void {
    const { socket } = this;
    socket.pause();
    socket
      .off("data", this.#onData)
      .off("end", this.#onEnd)
      .off("close", this.#onEnd)
      .off("error", this.#onError);
  }

  #forget(): void {
    this.#unread.length = 0;
    this.#unreadBytes = 0;
    this.#onEnd();
  }

  readonly #onData = (chunk: Uint8Array): void => {
    this.#unread.push(chunk);
    this.#unreadBytes += chunk.byteLength;
    if (this.#isFull()) this.socket.pause();
    this.#changed();
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#changed();
  };

  readonly #onError = (error: Error): void => {
    this.#error = error;
    this.#changed();
  };

  #isFull(): boolean {
    return this.#unreadBytes >= UNREAD_BYTES_MAX || this.#unread.length >= UNREAD_CHUNKS_MAX;
  }

  #changed(): void {
    const onChange = this.#onChange;
    this.#onChange = undefined;
    onChange?.();
  }
}
