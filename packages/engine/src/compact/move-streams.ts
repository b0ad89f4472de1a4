// Moves compressed clusters, whose streams are packed byte by byte: each stream behind the end that the file is to have
// goes to the lowest free room, packed anew, and a host cluster is free when the last stream that touched it has gone.
// Owns the order, last stream first, and where to stop: a stream never goes to a higher place.

import { compressedLength, compressedOffset, encodeL2Entry, L2Kind } from "@qcow/format";
import type { CompressedPlace } from "../allocate/compressed-space.js";
import { clusterKind } from "../mapping/cluster-kind.js";
import type { L2Table } from "../tables/l2-store.js";
import { readAvailable } from "../tables/read-available.js";
import { dropEntry } from "../write/drop-entry.js";
import type { Compaction } from "./compaction.js";

/** Streams that one round moves at most: their places are sorted in memory. */
const STREAMS_MAX = 1_000_000;
/** Streams that are moved, and bytes of tables that name them, before a commit. */
const BATCH_STREAMS = 2048;
const TABLE_BYTES_MAX = 64 * 1024 * 1024;

/** What is known of a stream: where its entry stands and what the entry says. */
interface Stream {
  readonly table: number;
  readonly at: number;
  readonly offset: number;
  readonly length: number;
  /** References that its entry stands for: one for each time that its table is named. */
  readonly times: number;
}

/** An L2 table: host offset in bytes, and how often it is named. */
export interface NamedTable {
  readonly offset: number;
  readonly times: number;
}

/**
 * Moves streams that touch clusters from `end` on into free room before it, durably. `tables` are all L2 tables.
 * Resolves with how many were moved; more may be left when that is not 0.
 */
export async function moveStreams(
  compaction: Compaction,
  end: number,
  tables: readonly NamedTable[],
): Promise<number> {
  const streams = await findStreams(compaction, end, tables);
  // Last first, so that the file can end earlier whenever this stops. Names of one stream come together.
  streams.sort((a, b) => b.offset - a.offset || b.length - a.length);
  let moved = 0;
  for (let from = 0; from < streams.length; ) {
    compaction.options.signal?.throwIfAborted();
    const done = await moveSome(compaction, end, streams, from);
    if (done === 0) break;
    moved += done;
    from += done;
  }
  return moved;
}

// Those of the highest offsets, if there are too many.
async function findStreams(
  { disk, metadata, options }: Compaction,
  end: number,
  tables: readonly NamedTable[],
): Promise<Stream[]> {
  const { geometry } = metadata;
  const first = end * geometry.clusterSize;
  let streams: Stream[] = [];
  for (const { offset, times } of tables) {
    const { view } = await disk.tables.l2.get(offset, options);
    for (let at = 0; at + geometry.l2EntrySize <= view.byteLength; at += geometry.l2EntrySize) {
      const high = view.getUint32(at);
      const low = view.getUint32(at + 4);
      if (clusterKind(high, low, geometry) !== L2Kind.compressed) continue;
      const start = compressedOffset(high, low, geometry.clusterBits);
      const length = compressedLength(high, low, geometry.clusterBits);
      if (start + length > first) streams.push({ table: offset, at, offset: start, length, times });
    }
    if (streams.length > 2 * STREAMS_MAX) {
      streams.sort((a, b) => b.offset - a.offset);
      streams = streams.slice(0, STREAMS_MAX);
    }
  }
  return streams;
}

/** A stream that was copied, and what is to name it. */
interface Copied {
  readonly names: readonly Stream[];
  readonly place: CompressedPlace;
  readonly length: number;
}

/** Moves streams from `from` on, up to a batch; resolves with how many names, 0 when there is no better place. */
async function moveSome(
  compaction: Compaction,
  end: number,
  all: readonly Stream[],
  from: number,
): Promise<number> {
  const { disk, metadata, options, tally } = compaction;
  const { l2 } = disk.tables;
  const held = new Map<number, L2Table>();
  const copied: Copied[] = [];
  let at = from;
  try {
    const tablesMax = Math.max(1, TABLE_BYTES_MAX / metadata.geometry.clusterSize);
    while (at < all.length && copied.length < BATCH_STREAMS && held.size < tablesMax) {
      const names = namesFrom(all, at);
      for (const { table } of names) if (!held.has(table)) held.set(table, await l2.use(table, options));
      const copy = await copyStream(compaction, end, names);
      if (copy === undefined) break;
      copied.push(copy);
      at += names.length;
    }
  } catch (error) {
    for (const { place } of copied) await giveUp(compaction, place, 1);
    for (const table of held.values()) disk.tables.done(table);
    throw error;
  }
  try {
    if (copied.length === 0) return 0;
    disk.committer.noteData();
    for (const copy of copied) renameStream(compaction, held, copy);
    await disk.committer.commit();
    tally.references += at - from;
    return at - from;
  } finally {
    for (const table of held.values()) disk.tables.done(table);
  }
}

/** The names of the stream of the one at `at`. */
function namesFrom(all: readonly Stream[], at: number): readonly Stream[] {
  const { offset, length } = all[at] as Stream;
  let end = at + 1;
  while (end < all.length && all[end]?.offset === offset && all[end]?.length === length) end++;
  return all.slice(at, end);
}

async function copyStream(
  compaction: Compaction,
  end: number,
  names: readonly Stream[],
): Promise<Copied | undefined> {
  const { disk, backend, metadata, options, tally } = compaction;
  const { clusterSize } = metadata.geometry;
  const { offset, length: stored } = names[0] as Stream;
  const bytes = new Uint8Array(stored);
  bytes.set(await readAvailable(backend, offset, stored, metadata.fileSize, options));
  // What an entry says is rounded up to a sector. Writers keep streams that are shorter than a cluster only.
  const length = Math.min(stored, clusterSize);
  if (length < stored && !(await isWhole(compaction, bytes.subarray(0, length)))) return undefined;
  const place = await disk.compressedSpace.reserve(length);
  const references = names.reduce((sum, { times }) => sum + times, 0);
  let added = 1;
  try {
    const isBetter = place.offset + length <= end * clusterSize;
    while (isBetter && added < references && addReferences(compaction, place)) added++;
    if (!isBetter || added < references) {
      await giveUp(compaction, place, added);
      return undefined;
    }
    await backend.write(place.offset, bytes.subarray(0, length));
  } catch (error) {
    await giveUp(compaction, place, added);
    throw error;
  }
  tally.bytes += length;
  return { names, place, length };
}

/** Whether `bytes` are enough to decompress a cluster from; unknown without a way to decompress. */
async function isWhole({ compression, metadata }: Compaction, bytes: Uint8Array): Promise<boolean> {
  const { clusterSize, compressionMethod } = metadata.geometry;
  try {
    await compression?.decompress(compressionMethod, bytes, new Uint8Array(clusterSize));
    return compression !== undefined;
  } catch {
    return false;
  }
}

// One more reference for each cluster that the stream touches; all or none.
function addReferences({ disk }: Compaction, { runs }: CompressedPlace): boolean {
  const first = runs.first(0);
  const last = first + runs.clusters - 1;
  for (let index = first; index <= last; index++)
    if (!disk.refcounts.has(index) || disk.refcounts.get(index) >= disk.refcounts.max) return false;
  for (let index = first; index <= last; index++) disk.allocator.tryAddReference(index);
  return true;
}

async function giveUp({ disk }: Compaction, { runs }: CompressedPlace, references: number): Promise<void> {
  disk.compressedSpace.forget(runs.first(0), runs.clusters);
  for (let times = 0; times < references; times++) await disk.allocator.release(runs);
}

function renameStream(
  { disk, metadata }: Compaction,
  held: ReadonlyMap<number, L2Table>,
  { names, place, length }: Copied,
): void {
  const { geometry } = metadata;
  const entry = { kind: "compressed", hostOffset: BigInt(place.offset), length, copied: false } as const;
  const encoded = encodeL2Entry(entry, geometry);
  for (const { table: offset, at, times } of names) {
    const table = held.get(offset) as L2Table;
    const { view } = table;
    for (let time = 0; time < times; time++)
      dropEntry(view.getUint32(at), view.getUint32(at + 4), geometry, disk.pending, false);
    view.setBigUint64(at, encoded);
    table.markDirty(at, geometry.l2EntrySize);
  }
}
