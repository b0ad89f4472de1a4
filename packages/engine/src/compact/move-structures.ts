// Moves tables of several clusters: to free clusters in a row, where one write names them. The old place stays as it is
// until that write is durable. Owns who names each kind (specification: "Header", "Snapshots", "Bitmaps").

import type { BlockBackend } from "@qcow/block";
import { toSafeNumber } from "@qcow/format";
import { EngineError } from "../engine-error.js";
import { moveL1 } from "../resize/grow-l1.js";
import { bitmapDirectoryField, bitmapEntryPlaces, snapshotEntryPlaces } from "../tables/entry-places.js";
import { readAvailable } from "../tables/read-available.js";
import type { Compaction } from "./compaction.js";
import type { StructureMove } from "./plan-moves.js";
import type { Structure } from "./structure.js";

/** Moves `move.structure`, durably. Its new clusters are free. */
export async function moveStructure(compaction: Compaction, move: StructureMove): Promise<void> {
  const { structure, destination } = move;
  const { disk, metadata, options, tally } = compaction;
  const { clusterSize } = metadata.geometry;
  const clusters = Math.ceil(structure.length / clusterSize);
  options.signal?.throwIfAborted();
  await reserve(compaction, structure, destination, clusters);
  if (structure.kind === "l1") await moveL1(disk, disk.tables.l1.size, destination, clusterSize);
  else if (structure.kind === "refcount-table") await moveRefcountTable(compaction, destination, clusters);
  else await moveNamed(compaction, move, clusters);
  tally.references += Math.max(1, structure.owners.length);
  tally.bytes += clusters * clusterSize;
  tally.moved(clusters);
}

async function reserve(
  { disk, metadata }: Compaction,
  { offset }: Structure,
  destination: number,
  clusters: number,
): Promise<void> {
  const { allocator } = disk;
  const references = await allocator.refcount(offset / metadata.geometry.clusterSize);
  for (let index = destination; index < destination + clusters; index++) {
    await allocator.refcount(index);
    allocator.claim(index, references);
  }
}

async function moveRefcountTable(
  { disk, metadata }: Compaction,
  destination: number,
  clusters: number,
): Promise<void> {
  const { refcounts, places, pending, committer } = disk;
  const { clusterSize } = metadata.geometry;
  const old = refcounts.place;
  refcounts.moveTable({ offset: destination * clusterSize, clusters });
  places.add(destination * clusterSize, clusters * clusterSize);
  pending.add(old.offset / clusterSize, old.clusters, false);
  await committer.commit();
}

async function moveNamed(
  compaction: Compaction,
  { structure, destination }: StructureMove,
  clusters: number,
): Promise<void> {
  const { backend, disk, metadata } = compaction;
  const { clusterSize } = metadata.geometry;
  const offset = destination * clusterSize;
  const bytes = new Uint8Array(clusters * clusterSize);
  bytes.set(await readAvailable(backend, structure.offset, structure.length, metadata.fileSize));
  await disk.committer.exclusively(async () => {
    await disk.committer.commitMetadata();
    await backend.write(offset, bytes);
    await disk.committer.flushImage();
  });
  await disk.committer.exclusively(async () => {
    await nameAt(compaction, structure, offset);
    await disk.committer.flushImage();
  });
  disk.places.leave(structure.offset, structure.length);
  disk.places.add(offset, bytes.byteLength);
  const first = structure.offset / clusterSize;
  const owners = Math.max(1, structure.owners.length);
  for (let times = 0; times < owners; times++) disk.pending.add(first, clusters, false);
  await disk.committer.commit();
}

// Every field that names a place is a word of eight bytes at a multiple of eight, so a torn write leaves it old or new.
async function nameAt(
  { backend, disk, metadata }: Compaction,
  { kind, owners }: Structure,
  offset: number,
): Promise<void> {
  const { header, committer } = disk;
  if (kind === "snapshot-table") {
    try {
      return await header.update({ snapshotsOffset: BigInt(offset) });
    } catch (error) {
      // The header may name either table now, and a later change would go to one of them only.
      throw committer.fail(error);
    }
  }
  if (kind === "snapshot-l1") {
    const places = snapshotEntryPlaces(metadata.snapshots, Number(header.header.snapshotsOffset));
    for (const owner of owners) await putWord(backend, places[owner] as number, offset);
    return;
  }
  const field = await bitmapDirectoryField(backend, header.header);
  if (field === undefined) {
    throw new EngineError("QCOW2_CORRUPT", `${metadata.label} has bitmaps, but no extension that names them`);
  }
  if (kind === "bitmap-directory") return await putWord(backend, field, offset);
  const places = bitmapEntryPlaces(metadata.bitmaps, await readWord(backend, field));
  for (const owner of owners) await putWord(backend, places[owner] as number, offset);
}

async function putWord(backend: BlockBackend, at: number, value: number): Promise<void> {
  const word = new DataView(new ArrayBuffer(8));
  word.setBigUint64(0, BigInt(value));
  await backend.write(at, new Uint8Array(word.buffer));
}

async function readWord(backend: BlockBackend, at: number): Promise<number> {
  const word = new DataView(new ArrayBuffer(8));
  await backend.read(at, new Uint8Array(word.buffer));
  return toSafeNumber(word.getBigUint64(0), { structure: "bitmaps extension", offset: at });
}
