// Changes single fields of the header (specification: "Header"). All lie in the first sector, so each of these writes is
// there or not, never half.

import type { BlockBackend } from "@qcow/block";
import {
  type Header,
  INCOMPATIBLE_CORRUPT_BIT,
  INCOMPATIBLE_DIRTY_BIT,
  isCorrupt,
  isDirty,
  knownFeatureMask,
} from "@qcow/format";
import type { L1Location } from "../tables/l1-table.js";

const L1_SIZE = 36;
const REFCOUNT_TABLE_OFFSET = 48;
const SNAPSHOT_COUNT = 60;
const INCOMPATIBLE_FEATURES = 72;
const AUTOCLEAR_FEATURES = 88;

/** Says where the refcount table is: offset in bytes, length in clusters. */
export async function writeRefcountTablePlace(
  backend: BlockBackend,
  offset: number,
  clusters: number,
): Promise<void> {
  const view = new DataView(new ArrayBuffer(12));
  view.setBigUint64(0, BigInt(offset));
  view.setUint32(8, clusters);
  await backend.write(REFCOUNT_TABLE_OFFSET, new Uint8Array(view.buffer));
}

/** Says where the active L1 table is, in bytes, and how many entries it has. */
export async function writeL1Place(backend: BlockBackend, { offset, size }: L1Location): Promise<void> {
  const view = new DataView(new ArrayBuffer(12));
  view.setUint32(0, size);
  view.setBigUint64(4, BigInt(offset));
  await backend.write(L1_SIZE, new Uint8Array(view.buffer));
}

/** Says where the snapshot table is, in bytes, and how many entries it has. */
export async function writeSnapshotTablePlace(
  backend: BlockBackend,
  offset: number,
  count: number,
): Promise<void> {
  const view = new DataView(new ArrayBuffer(12));
  view.setUint32(0, count);
  view.setBigUint64(4, BigInt(offset));
  await backend.write(SNAPSHOT_COUNT, new Uint8Array(view.buffer));
}

/** Whether the header says that the image is dirty or corrupt. */
export function isMarked(header: Header): boolean {
  return isDirty(header) || isCorrupt(header);
}

/** Clears the dirty bit and the corrupt bit. */
export async function clearMarks(backend: BlockBackend, header: Header): Promise<void> {
  const marks = (1n << BigInt(INCOMPATIBLE_DIRTY_BIT)) | (1n << BigInt(INCOMPATIBLE_CORRUPT_BIT));
  await writeWord(backend, INCOMPATIBLE_FEATURES, header.incompatibleFeatures & ~marks);
}

/** Autoclear bits that nobody here knows, which who changes an image must clear first. */
export function unknownAutoclear(header: Header): bigint {
  return header.autoclearFeatures & ~knownFeatureMask("autoclear");
}

/** Clears them. */
export async function clearUnknownAutoclear(backend: BlockBackend, header: Header): Promise<void> {
  await writeWord(backend, AUTOCLEAR_FEATURES, header.autoclearFeatures & knownFeatureMask("autoclear"));
}

async function writeWord(backend: BlockBackend, offset: number, word: bigint): Promise<void> {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, word);
  await backend.write(offset, new Uint8Array(view.buffer));
}
