// What comes through a pipe, in large chunks. Owns the buffer that they share, and that the host's own buffer has room for as
// much: every turn costs whoever writes as much as us.

import type { OnReadOpts, SocketConstructorOpts } from "node:net";
import { longBuffer } from "@qcow/block";
import { loadLibc } from "./libc.js";

/** What Linux gives to everybody; more is for the administrator. */
const CHUNK_BYTES = 1024 * 1024;

/**
 * The bytes that come on `fd`, a pipe or a socket, until it ends. A chunk is valid until the next one is asked for. Rejects
 * with the reason of `signal` once that is aborted. The descriptor is closed when the last chunk was given, when nobody wants
 * more, and when `signal` is aborted.
 */
export async function* pipeChunks(fd: number, signal: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
  signal.throwIfAborted();
  (await loadLibc())?.widenPipe(fd, CHUNK_BYTES);
  const { Socket } = await import("node:net");
  const { addAbortSignal } = await import("node:stream");
  const buffer = longBuffer(CHUNK_BYTES);
  let count = 0;
  let hasEnded = false;
  let failure: unknown;
  let wake: () => void = () => undefined;
  const options: SocketConstructorOpts & { readonly onread: OnReadOpts } = {
    fd,
    readable: true,
    writable: false,
    onread: {
      buffer,
      callback: (length) => {
        count = length;
        wake();
        // Until the chunk has been used.
        return false;
      },
    },
  };
  const socket = new Socket(options);
  addAbortSignal(signal, socket);
  socket.on("error", (error) => {
    failure = signal.aborted ? signal.reason : error;
  });
  socket.on("close", () => {
    hasEnded = true;
    wake();
  });
  try {
    for (;;) {
      count = 0;
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (hasEnded) resolve();
        else socket.resume();
      });
      if (count > 0) yield buffer.subarray(0, count);
      else if (failure !== undefined) throw failure;
      else if (hasEnded) return;
    }
  } finally {
    socket.destroy();
  }
}
