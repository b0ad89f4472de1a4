// Stores clusters compressed (specification: "Compressed Clusters Descriptor"): all of a part at once, packed one
// behind the other. Owns what is not worth it: a cluster that does not get smaller is stored plain.

import type { IoOptions } from "@qcow/block";
import { encodeL2Entry } from "@qcow/format";
import type { CompressedPlace } from "../allocate/compressed-space.js";
import { joinPieces } from "../commit/write-pieces.js";
import { EngineError } from "../engine-error.js";
import type { DirtyPiece } from "../tables/dirty-table.js";
import type { L2Table } from "../tables/l2-store.js";
import { dropEntry } from "./drop-entry.js";
import { writeData } from "./execute-write.js";
import { relieve } from "./relieve.js";
import type { WriteContext } from "./write-context.js";
import { lockClusters, writeGuest } from "./write-guest.js";

interface CompressedCluster {
  /** Guest offset in bytes. */
  readonly guest: number;
  readonly stream: Uint8Array;
}

/**
 * Writes `source`, whole clusters, at guest offset `offset`, a multiple of the cluster size. The last cluster may be
 * cut by the end of the disk.
 */
export async function writeCompressedGuest(
  context: WriteContext,
  offset: number,
  source: Uint8Array,
  options: IoOptions,
): Promise<void> {
  const { clusterSize, guestBytesPerL2, hasDataFile } = context.geometry;
  requireWholeClusters(context, offset, source.byteLength);
  if (hasDataFile) return await writeGuest(context, offset, source, options);
  const clusters = await compressAll(context, offset, source, options);
  for (let start = 0; start < clusters.length; ) {
    const { guest, stream } = clusters[start] as CompressedCluster;
    const index = Math.floor(guest / guestBytesPerL2);
    let end = start + 1;
    const plain = stream.byteLength >= clusterSize;
    while (end < clusters.length) {
      const next = clusters[end] as CompressedCluster;
      if (
        next.stream.byteLength >= clusterSize !== plain ||
        Math.floor(next.guest / guestBytesPerL2) !== index
      )
        break;
      end++;
    }
    const part = clusters.slice(start, end);
    const stop = Math.min(offset + source.byteLength, guest + part.length * clusterSize);
    if (plain) await writeGuest(context, guest, source.subarray(guest - offset, stop - offset), options);
    else await storePart(context, index, part, stop, options);
    await relieve(context);
    start = end;
  }
}

function requireWholeClusters(
  { geometry, tables, label }: WriteContext,
  offset: number,
  length: number,
): void {
  const end = offset + length;
  const wholeEnd = end % geometry.clusterSize === 0 || end === tables.virtualSize;
  if (offset % geometry.clusterSize === 0 && wholeEnd) return;
  throw new EngineError(
    "QCOW2_OUT_OF_RANGE",
    `compressed writes to ${label} must be of whole clusters of ${geometry.clusterSize} bytes, not offset ${offset} and length ${length}`,
    { offset },
  );
}

async function compressAll(
  context: WriteContext,
  offset: number,
  source: Uint8Array,
  options: IoOptions,
): Promise<CompressedCluster[]> {
  const { compression, geometry, label } = context;
  if (compression === undefined) {
    throw new EngineError(
      "QCOW2_MISSING_CAPABILITY",
      `nothing was given to compress the clusters of ${label} with`,
    );
  }
  const { clusterSize, compressionMethod } = geometry;
  const count = Math.ceil(source.byteLength / clusterSize);
  const compressOne = async (_: unknown, at: number): Promise<CompressedCluster> => {
    const bytes = source.subarray(at * clusterSize, (at + 1) * clusterSize);
    const cluster = bytes.byteLength === clusterSize ? bytes : padded(bytes, clusterSize);
    const stream = await compression.compress(compressionMethod, cluster, options);
    return { guest: offset + at * clusterSize, stream };
  };
  return await Promise.all(Array.from({ length: count }, compressOne));
}

function padded(bytes: Uint8Array, length: number): Uint8Array {
  const whole = new Uint8Array(length);
  whole.set(bytes);
  return whole;
}

async function storePart(
  context: WriteContext,
  index: number,
  clusters: readonly CompressedCluster[],
  end: number,
  options: IoOptions,
): Promise<void> {
  const { guest } = clusters[0] as CompressedCluster;
  const unlock = await lockClusters(context, guest, end, true, options);
  try {
    const table = await context.tables.useForChange(index, options);
    try {
      await storeClusters(context, table, index, clusters);
    } finally {
      context.tables.done(table);
    }
  } finally {
    unlock();
  }
}

async function storeClusters(
  context: WriteContext,
  table: L2Table,
  index: number,
  clusters: readonly CompressedCluster[],
): Promise<void> {
  const places: CompressedPlace[] = [];
  try {
    const pieces: DirtyPiece[] = [];
    for (const { stream } of clusters) {
      const place = await context.compressedSpace.reserve(stream.byteLength);
      places.push(place);
      pieces.push({ offset: place.offset, bytes: stream });
    }
    await writeData(context, joinPieces(pieces));
  } catch (error) {
    for (const { runs } of places) {
      context.compressedSpace.forget(runs.first(0), runs.clusters);
      await context.allocator.release(runs);
    }
    throw error;
  }
  clusters.forEach((cluster, at) => {
    setEntry(context, table, index, cluster, (places[at] as CompressedPlace).offset);
  });
}

function setEntry(
  { geometry, pending }: WriteContext,
  table: L2Table,
  index: number,
  { guest, stream }: CompressedCluster,
  host: number,
): void {
  const at = ((guest - index * geometry.guestBytesPerL2) / geometry.clusterSize) * geometry.l2EntrySize;
  const { view } = table;
  const entry = {
    kind: "compressed",
    hostOffset: BigInt(host),
    length: stream.byteLength,
    copied: false,
  } as const;
  const encoded = encodeL2Entry(entry, geometry);
  dropEntry(view.getUint32(at), view.getUint32(at + 4), geometry, pending, false);
  view.setBigUint64(at, encoded);
  if (geometry.extendedL2) view.setBigUint64(at + 8, 0n);
  table.markDirty(at, geometry.l2EntrySize);
}
