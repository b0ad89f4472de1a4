// Decodes an image that comes as a stream, from its first byte to its last, without looking at it twice. Owns what callers
// say and get; following the stream is stream-decoder.ts.

import type { BlockBackend, CompressionBackend, LongOptions } from "@qcow/block";
import { ByteSource } from "../byte-source.js";
import type { ImageHead } from "../image-metadata.js";
import { Spill, type SpillOpener } from "../spill/spill.js";
import type { GuestTarget } from "./guest-target.js";
import { type ChunkTaker, OrderedTarget } from "./ordered-target.js";
import { PlacedTarget } from "./placed-target.js";
import { type DecodedStream, StreamDecoder } from "./stream-decoder.js";
import { HEAD_BYTES_MAX, readStreamHead } from "./stream-head.js";
import { StreamWindow } from "./stream-window.js";

/** Bytes of memory for tables and for what cannot be placed yet, unless the caller says otherwise. */
export const STREAM_MEMORY_BYTES_DEFAULT = 64 * 1024 * 1024;

export interface DecodeStreamOptions extends LongOptions {
  /** What decompresses clusters; without it, images that have compressed ones are refused when one comes. */
  readonly compression?: CompressionBackend | undefined;
  /**
   * Memory for tables and for contents that cannot be placed yet, in bytes; 64 MiB by default. Buffers of what is under way
   * come on top, and so does the L1 table (8 bytes for what each L2 table maps).
   */
  readonly memoryBytes?: number | undefined;
  /** Makes a place for what exceeds that; called when it is needed, twice at most. Rejects `QCOW2_MISSING_CAPABILITY` without. */
  readonly openSpill?: SpillOpener | undefined;
  /** Told of what the first cluster says once that has come, before the target is touched; what it throws ends the decoding. */
  readonly onHead?: ((head: StreamHead) => void) | undefined;
  /** What messages call the stream; `the stream` by default. */
  readonly label?: string | undefined;
}

export interface StreamHead {
  /** Length of the disk in bytes. */
  readonly virtualSize: number;
  /** Bytes of a cluster. */
  readonly clusterSize: number;
}

export interface PlaceStreamOptions extends DecodeStreamOptions {
  /**
   * `true` (the default): the target becomes a file with holes. `false`: it keeps its length, and every byte is written,
   * zeros too, as a block device needs it.
   */
  readonly sparse?: boolean | undefined;
}

/**
 * Decodes the image that `source` brings into `target`. Clusters and tables may come in any order: contents whose place
 * is not known when they come wait in memory, and what that has no room for in `openSpill`'s place. Of an image with
 * snapshots the active disk is decoded.
 *
 * Rejects before `target` is touched when the first cluster shows that the image cannot be decoded: with a `FormatError`,
 * `QCOW2_ENCRYPTED`, or `QCOW2_MISSING_CAPABILITY` when it has a backing file or a data file. When it rejects later, the
 * target is incomplete: `QCOW2_REFERENCE_OUTSIDE_FILE` for a stream that was cut short, `QCOW2_PASSED_BY` for one that
 * names contents again that no other image would name twice. `source` is read to its end, or told to end (`return`).
 * Nothing is flushed. Progress is in bytes of the disk.
 */
export function decodeStream(
  source: AsyncIterable<Uint8Array>,
  target: BlockBackend,
  options: PlaceStreamOptions = {},
): Promise<DecodedStream> {
  return decode(source, options, ({ geometry }, long) => ({
    target: new PlacedTarget(target, geometry, options.sparse ?? true, long),
  }));
}

/**
 * The same, with the disk handed to `take` from its first byte to its last, zeros too, in chunks of some size. What comes
 * ahead of its turn waits as other contents do. `take` is not called again before it has resolved.
 */
export function decodeStreamInOrder(
  source: AsyncIterable<Uint8Array>,
  take: ChunkTaker,
  options: DecodeStreamOptions = {},
): Promise<DecodedStream> {
  return decode(source, options, ({ geometry }, long, memoryBytes) => {
    const free: { tables: (bytes: number) => void } = { tables: () => undefined };
    const target = new OrderedTarget({
      take,
      geometry,
      spill: new Spill(options.openSpill),
      memoryBytes: memoryBytes / 4,
      onPassed: (bytes) => free.tables(bytes),
      options: long,
    });
    return { target, free };
  });
}

interface Goal {
  readonly target: GuestTarget;
  /** Where to say that memory of tables is free; filled in by the decoder's maker. */
  readonly free?: { tables: (bytes: number) => void };
}

async function decode(
  source: AsyncIterable<Uint8Array>,
  options: DecodeStreamOptions,
  makeGoal: (head: ImageHead, options: LongOptions, memoryBytes: number) => Goal,
): Promise<DecodedStream> {
  const { label = "the stream", memoryBytes = STREAM_MEMORY_BYTES_DEFAULT } = options;
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const bytes = new ByteSource(source, signal);
  const spill = new Spill(options.openSpill);
  let goal: Goal | undefined;
  try {
    signal.throwIfAborted();
    const first = new Uint8Array(HEAD_BYTES_MAX);
    const count = await bytes.read(first);
    const present = first.subarray(0, count);
    const head = await readStreamHead(present, count < HEAD_BYTES_MAX, label, { signal });
    const { virtualSize, clusterSize } = head.geometry;
    options.onHead?.({ virtualSize, clusterSize });
    goal = makeGoal(head, { signal, onProgress: options.onProgress }, memoryBytes);
    const decoder = new StreamDecoder({
      head,
      label,
      window: new StreamWindow(bytes, present, clusterSize),
      target: goal.target,
      spill,
      compression: options.compression,
      memoryBytes: goal.free === undefined ? memoryBytes : memoryBytes * 0.75,
      stop,
      signal,
    });
    if (goal.free !== undefined) goal.free.tables = (freed) => decoder.freeTables(freed);
    return await decoder.run();
  } catch (error) {
    throw options.signal?.aborted === true
      ? options.signal.reason
      : stop.signal.aborted
        ? stop.signal.reason
        : error;
  } finally {
    bytes.abandon();
    await goal?.target.close();
    await spill.close();
  }
}
