// Serves reads from what is already here, and has the rest fetched. Owns the caches and which of them a read uses;
// requests are fetcher's.

import type { ReadPurpose } from "@qcow/block";
import { BlockCache } from "./block-cache.js";
import { Cancellations } from "./cancellations.js";
import { Fetcher } from "./fetcher.js";
import { PendingRead } from "./pending-read.js";
import { ReadAhead } from "./read-ahead.js";
import type { Session } from "./session.js";

/** Tables are small and scattered: large blocks of them would be over-read. */
const METADATA_BLOCK_BYTES = 4 * 1024;
const DATA_BLOCK_BYTES = 64 * 1024;
/** Contents that are read in such pieces are hardly read again, and would push everything else out. */
const UNCACHED_BYTES_MIN = 1024 * 1024;

export class CachingReader {
  readonly #session: Session;
  readonly #cancellations = new Cancellations();
  readonly #metadata: BlockCache;
  readonly #data: BlockCache;
  readonly #fetcher: Fetcher;
  readonly #readAhead: ReadAhead | undefined;
  /** The first bytes of the file. */
  #head: Uint8Array;

  constructor(session: Session, head: Uint8Array, onFailure: (error: unknown) => void) {
    const { settings, pinned } = session;
    const size = pinned?.size ?? 0;
    this.#session = session;
    this.#head = head;
    this.#metadata = new BlockCache(METADATA_BLOCK_BYTES, settings.metadataCacheBytes);
    this.#data = new BlockCache(DATA_BLOCK_BYTES, settings.dataCacheBytes);
    this.#fetcher = new Fetcher(session, size, onFailure);
    // What is fetched ahead waits in the cache: more than a part of that would push itself out.
    const aheadMax = Math.min(settings.readAheadBytesMax, settings.dataCacheBytes / 4);
    if (aheadMax >= DATA_BLOCK_BYTES) this.#readAhead = new ReadAhead(aheadMax, DATA_BLOCK_BYTES, size);
  }

  /** Fills `target`, which lies inside of the file. */
  read(
    offset: number,
    target: Uint8Array,
    purpose: ReadPurpose,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const read = new PendingRead(signal, this.#cancellations);
    const isData = purpose === "contents";
    const cache = isData ? this.#data : this.#metadata;
    const keep = isData && target.length >= UNCACHED_BYTES_MIN ? undefined : cache;
    let fetched = 0;
    for (let at = 0; at < target.length; ) {
      const rest = target.subarray(at);
      const copied = this.#copy(offset + at, rest, isData);
      at += copied;
      if (copied > 0) continue;
      const missing = rest.subarray(0, missingBytes(cache, offset + at, rest.length));
      this.#fetcher.fetch(offset + at, missing, keep, read);
      fetched += missing.length;
      at += missing.length;
    }
    this.#count(target.length - fetched, fetched);
    if (isData && keep !== undefined) this.#fetchAhead(offset, offset + target.length);
    return read.complete();
  }

  /** Forgets everything and ends what is under way. */
  async drop(reason: unknown): Promise<void> {
    this.#head = new Uint8Array(0);
    const ended = this.#fetcher.abort(reason);
    this.#metadata.clear();
    this.#data.clear();
    await ended;
  }

  #copy(offset: number, target: Uint8Array, isData: boolean): number {
    if (offset < this.#head.length) {
      const part = this.#head.subarray(offset, offset + target.length);
      target.set(part);
      return part.length;
    }
    const [own, other] = isData ? [this.#data, this.#metadata] : [this.#metadata, this.#data];
    return own.copy(offset, target) || other.copy(offset, target);
  }

  #count(fromCache: number, fetched: number): void {
    this.#session.counters.bytesFromCache += fromCache;
    if (fetched === 0) this.#session.counters.cacheHits += 1;
  }

  #fetchAhead(start: number, end: number): void {
    const range = this.#readAhead?.note(start, end);
    if (range === undefined) return;
    for (let at = range.start; at < range.end; ) {
      if (this.#data.has(at) || at < this.#head.length) {
        at = (Math.floor(at / DATA_BLOCK_BYTES) + 1) * DATA_BLOCK_BYTES;
        continue;
      }
      const length = missingBytes(this.#data, at, range.end - at);
      this.#fetcher.fetchAhead({ start: at, end: at + length }, this.#data);
      at += length;
    }
  }
}

/** How many of `length` bytes from `offset` on, which is in no block of `cache`, come before the next block that is. */
function missingBytes(cache: BlockCache, offset: number, length: number): number {
  const { blockBytes } = cache;
  const end = offset + length;
  let at = (Math.floor(offset / blockBytes) + 1) * blockBytes;
  while (at < end && !cache.has(at)) at += blockBytes;
  return Math.min(at, end) - offset;
}
