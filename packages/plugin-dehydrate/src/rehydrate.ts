// An image file of a map and metadata: the structure of an image with zeros in place of its contents. Owns the public
// function; reading the map is map/, and where the bytes come from and go to is the caller's.

import type { BlockBackend, LongOptions } from "@qcow/block";
import { DehydrateError } from "./dehydrate-error.js";
import type { Intervals } from "./map/intervals.js";
import { readMap } from "./map/read-map.js";

/** What to make an image of. */
export interface RehydrateSource {
  /** The text of the map. */
  readonly map: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** Opens the metadata, once the map was read to its end. */
  meta(): Promise<RehydrateMeta> | RehydrateMeta;
}

export interface RehydrateMeta {
  readonly length: number;
  readonly chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

export interface Rehydrated {
  /** Length of the image file in bytes. */
  readonly totalSize: number;
  readonly metaBytes: number;
  readonly intervalCount: number;
  /** Bytes of metadata that qcow-tool left out, which are zero now: it keeps the first MiB of each interval only. */
  readonly missingBytes: number;
  /** How many intervals miss some. */
  readonly cutIntervals: number;
}

/** Zeros of this length are holes. */
const HOLE_BYTES = 4096;

/**
 * Writes the image into `target`, whose length becomes that of the original; what it held is lost. Nothing is written before
 * the map was read and compared with the length of the metadata. Durable once this resolves. Progress is in bytes of metadata.
 *
 * @throws DehydrateError `DEHYDRATED_BAD_MAP`, `DEHYDRATED_BAD_META`, `DEHYDRATED_BAD_ARCHIVE` or `DEHYDRATED_TOO_LARGE`,
 *   `BackendError` when the target cannot be written.
 */
export async function rehydrate(
  source: RehydrateSource,
  target: BlockBackend,
  options: LongOptions = {},
): Promise<Rehydrated> {
  const { signal } = options;
  const { intervals, totalSize } = await readMap(source.map, signal);
  const meta = await source.meta();
  const isCut = requireLength(meta.length, intervals);
  await target.resize(0, { signal });
  await target.resize(totalSize, { signal });
  await new Filling(intervals, isCut, target, options, meta.length).run(meta.chunks);
  await target.flush({ signal });
  return {
    totalSize,
    metaBytes: meta.length,
    intervalCount: intervals.count,
    missingBytes: intervals.bytes - meta.length,
    cutIntervals: isCut ? intervals.longerThanForeign : 0,
  };
}

/** Whether the metadata is what qcow-tool makes of intervals that are longer than 1 MiB. */
function requireLength(length: number, intervals: Intervals): boolean {
  const { bytes, foreignBytes } = intervals;
  if (length === bytes) return false;
  if (length === foreignBytes) return true;
  const other = foreignBytes === bytes ? "" : ` (or ${foreignBytes}, if qcow-tool made it)`;
  throw new DehydrateError(
    "DEHYDRATED_BAD_META",
    `the metadata has ${length} bytes, but the map wants ${bytes}${other}: they do not belong together, or are cut short`,
  );
}

/** Puts the bytes of the metadata where the map has them. */
class Filling {
  readonly #intervals: Intervals;
  readonly #isCut: boolean;
  readonly #target: BlockBackend;
  readonly #options: LongOptions;
  readonly #total: number;
  #interval = 0;
  /** Bytes of the interval that are done. */
  #within = 0;
  #done = 0;

  constructor(
    intervals: Intervals,
    isCut: boolean,
    target: BlockBackend,
    options: LongOptions,
    total: number,
  ) {
    this.#intervals = intervals;
    this.#isCut = isCut;
    this.#target = target;
    this.#options = options;
    this.#total = total;
  }

  async run(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    const { signal, onProgress } = this.#options;
    onProgress?.({ done: 0, total: this.#total });
    for await (const chunk of chunks) {
      signal?.throwIfAborted();
      if (this.#done + chunk.length > this.#total) throw this.#wrongLength("more");
      for (let at = 0; at < chunk.length; ) at += await this.#put(chunk.subarray(at));
      this.#done += chunk.length;
      onProgress?.({ done: this.#done, total: this.#total });
    }
    if (this.#done < this.#total) throw this.#wrongLength("fewer");
  }

  /** Writes the first of `bytes`; gives how many. */
  async #put(bytes: Uint8Array): Promise<number> {
    const first = this.#intervals.first(this.#interval);
    const whole = this.#intervals.last(this.#interval) - first + 1;
    const length = this.#isCut ? this.#intervals.foreignLength(this.#interval) : whole;
    const part = bytes.subarray(0, length - this.#within);
    await this.#writeSparse(first + this.#within, part);
    this.#within += part.length;
    if (this.#within === length) {
      this.#interval++;
      this.#within = 0;
    }
    return part.length;
  }

  /** Writes what is not zero: the file has zeros everywhere. */
  async #writeSparse(offset: number, bytes: Uint8Array): Promise<void> {
    const { signal } = this.#options;
    let from = 0;
    for (let at = 0; at < bytes.length; at += HOLE_BYTES) {
      const end = Math.min(at + HOLE_BYTES, bytes.length);
      if (!isZero(bytes, at, end)) continue;
      if (at > from) await this.#target.write(offset + from, bytes.subarray(from, at), { signal });
      from = end;
    }
    if (from < bytes.length) await this.#target.write(offset + from, bytes.subarray(from), { signal });
  }

  #wrongLength(how: "more" | "fewer"): DehydrateError {
    return new DehydrateError(
      "DEHYDRATED_BAD_META",
      `the metadata has ${how} bytes than the ${this.#total} it should have`,
    );
  }
}

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] !== 0) return false;
  return true;
}
