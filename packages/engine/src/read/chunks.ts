// Reads a part of the disk in order, some chunks ahead of the consumer. Owns the pipeline; a chunk itself
// is an ordinary read.

import { type IoOptions, longBuffer } from "@qcow/block";
import { EngineError } from "../engine-error.js";

/** Bytes of a chunk unless the caller says otherwise, or clusters are larger. */
export const CHUNK_BYTES_DEFAULT = 1024 * 1024;

/** Chunks that are read at once unless the caller says otherwise. */
export const CHUNKS_IN_FLIGHT_DEFAULT = 4;

export interface ChunkOptions extends IoOptions {
  /** Bytes of a chunk, above 0; the first and the last one may be shorter. */
  readonly chunkBytes?: number | undefined;
  /** Chunks read ahead of the consumer, the one it waits for included; above 0. */
  readonly inFlight?: number | undefined;
}

type Read = (offset: number, target: Uint8Array, options: IoOptions) => Promise<void>;

interface Pending {
  readonly bytes: Uint8Array;
  readonly ready: Promise<void>;
}

function requireCount(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value > 0) return;
  throw new EngineError("QCOW2_OUT_OF_RANGE", `${name} is ${value}, it must be a whole number above 0`);
}

/** The bytes of `[start, end)`, in order. A chunk is valid until the next one is asked for: buffers are used again. */
export async function* readChunks(
  read: Read,
  start: number,
  end: number,
  options: ChunkOptions = {},
): AsyncGenerator<Uint8Array, void, void> {
  const chunkBytes = options.chunkBytes ?? CHUNK_BYTES_DEFAULT;
  const inFlight = options.inFlight ?? CHUNKS_IN_FLIGHT_DEFAULT;
  requireCount("chunkBytes", chunkBytes);
  requireCount("inFlight", inFlight);
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const free: Uint8Array[] = [];
  const pending: Pending[] = [];
  let next = start;
  const fill = (): void => {
    while (next < end && pending.length < inFlight) {
      const length = Math.min(chunkBytes - (next % chunkBytes), end - next);
      const bytes = (free.pop() ?? longBuffer(Math.min(chunkBytes, end - start))).subarray(0, length);
      const ready = read(next, bytes, { signal });
      ready.catch(() => undefined);
      pending.push({ bytes, ready });
      next += length;
    }
  };
  try {
    for (fill(); pending.length > 0; fill()) {
      const { bytes, ready } = pending.shift() as Pending;
      await ready;
      options.signal?.throwIfAborted();
      fill();
      yield bytes;
      free.push(new Uint8Array(bytes.buffer, bytes.byteOffset));
    }
  } finally {
    stop.abort();
    await Promise.allSettled(pending.map(({ ready }) => ready));
  }
}
